import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { makeCertificate } from "./support/certificate.ts";
import { describeHttp, type MakeHttp, requestParams } from "./support/http-contract.ts";
import { connectMachine } from "./support/remote.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { serveHttp } from "./support/web-server.ts";

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

test("remote: an http server is not told that an https server sent somebody there", async (t) => {
  const { cert, key } = makeCertificate(temporaryFolder(t, "downgrade"));
  const plain = await serveHttp(t, (_, response) => response.end());
  const pair = { cert: readFileSync(cert), key: readFileSync(key) };
  const secure = createServer(pair, (_, response) =>
    response.writeHead(302, { location: plain.url }).end(),
  );
  await once(secure.listen(0, "127.0.0.1"), "listening");
  t.after(() => void secure.close().closeAllConnections());
  const { url } = await startServer(t, { env: { NODE_EXTRA_CA_CERTS: cert } });
  const machine = await connectMachine(url, { emit: () => true });
  t.after(() => machine.close());
  const { port } = secure.address() as AddressInfo;
  await machine.http.request(requestParams({ url: `https://127.0.0.1:${port}/` }));
  assert.deepEqual(
    plain.received.map(({ headers }) => headers.referer),
    [undefined],
  );
});
