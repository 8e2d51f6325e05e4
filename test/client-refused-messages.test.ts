import assert from "node:assert/strict";
import { after, describe, type TestContext, test } from "node:test";
import { connect, InvalidRequestError, type Sandbox } from "../src/client/library.ts";
import { messageDepthMax, messageValuesMax } from "../src/limits.ts";
import { startServer } from "./support/server.ts";
import { within } from "./support/within.ts";

const server = startServer({ after });

async function connected(t: TestContext) {
  const environment = await connect((await server).url);
  t.after(() => environment.close());
  return environment;
}

describe("a request that the executor does not take", () => {
  test("fails when it has more values than one message may have", async (t) => {
    const environment = await connected(t);
    const argv = Array.from({ length: messageValuesMax }, () => "x");
    const refused = assert.rejects(environment.start(argv), InvalidRequestError);
    await within(10_000, "the refusal", refused);
    await environment.check();
  });

  test("fails when it is nested deeper than a message may be", async (t) => {
    const environment = await connected(t);
    let sandbox: object = {};
    for (let depth = 0; depth < messageDepthMax; depth++) sandbox = { sandbox };
    const read = environment.files.read("/etc/hostname", { sandbox: sandbox as Sandbox });
    await within(10_000, "the refusal", assert.rejects(read, InvalidRequestError));
    await environment.check();
  });
});
