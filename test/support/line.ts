import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { connect as connectEncrypted, createServer as createEncrypted } from "node:tls";
import { makeCertificate } from "./certificate.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Both ends of a connection. */
export interface Line {
  readonly near: Socket;
  readonly far: Socket;
}

export async function plainLine(t: TestContext): Promise<Line> {
  const server = createServer();
  const port = await listening(t, server);
  const accepted = once(server, "connection");
  const far = connect(port, "127.0.0.1");
  await once(far, "connect");
  return untilTheEnd(t, accepted, far);
}

export interface EncryptedLine extends Line {
  /** What lies below the far end. */
  readonly wire: Socket;
}

export async function encryptedLine(t: TestContext): Promise<EncryptedLine> {
  const folder = temporaryFolder(t, "line");
  const { cert, key } = makeCertificate(folder);
  const [certificate, privateKey] = [readFileSync(cert), readFileSync(key)];
  const server = createEncrypted({ cert: certificate, key: privateKey });
  const port = await listening(t, server);
  const accepted = once(server, "secureConnection");
  const wire = connect(port, "127.0.0.1");
  const far = connectEncrypted({ socket: wire, host: "127.0.0.1", ca: certificate });
  await once(far, "secureConnect");
  return { ...(await untilTheEnd(t, accepted, far)), wire };
}

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  t.after(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function untilTheEnd(t: TestContext, accepted: Promise<Socket[]>, far: Socket) {
  const [near] = (await accepted) as [Socket];
  t.after(() => {
    near.destroy();
    far.destroy();
  });
  return { near, far };
}
