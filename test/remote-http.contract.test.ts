import { after } from "node:test";
import { describeHttp, type MakeHttp } from "./support/http-contract.ts";
import { connectMachine } from "./support/remote.ts";
import { startServer } from "./support/server.ts";

const plainServer = startServer({ after });

/** The variables are those of the executor, so that other ones take another server. */
const overASocket: MakeHttp = async (t, { variables, onDelta }) => {
  const isPlain = Object.keys(variables).length === 0;
  const { url } = await (isPlain ? plainServer : startServer(t, { env: variables }));
  const machine = await connectMachine(url, {
    emit: (event, params) => {
      if (event === "http/request/bodyDelta") onDelta(params as Parameters<typeof onDelta>[0]);
      return true;
    },
  });
  t.after(() => machine.close());
  return machine.http;
};

describeHttp("remote", overASocket);
