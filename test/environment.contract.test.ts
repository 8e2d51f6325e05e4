import { after } from "node:test";
import { connect, localEnvironment } from "../src/client/library.ts";
import { describeEnvironment } from "./support/environment-contract.ts";
import { startServer } from "./support/server.ts";

const server = startServer({ after });

describeEnvironment("local", () => localEnvironment({ variables: process.env }));
describeEnvironment("remote", async () => connect((await server).url));
