import { connect } from "node:net";
import { after, describe, test } from "node:test";
import { makeCertificate } from "./support/certificate.ts";
import { startServer } from "./support/server.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";
import { within } from "./support/within.ts";

const folder = temporaryFolder({ after }, "half-open");

/** More than the 10 s that a client has; by itself Node takes 30 s and 120 s. */
const goneMsMax = 25_000;

describe("a connection ends", { concurrency: true }, () => {
  const { cert, key } = makeCertificate(folder);
  const tls = ["--tls-cert", cert, "--tls-key", key];
  const rows: [string, string[], string][] = [
    ["whose client never sends a request", [], ""],
    ["whose client sends half a request", [], "GET / HTTP/1.1\r\nHo"],
    ["whose client never begins to encrypt", tls, ""],
    ["whose client begins to encrypt, and stops", tls, "\x16\x03\x01\x02\x00\x01\x00"],
  ];
  for (const [title, args, sent] of rows) {
    test(title, async (t) => {
      const { url } = await startServer(t, { args });
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      socket.on("error", () => {});
      t.after(() => void socket.destroy());
      socket.write(Buffer.from(sent, "latin1"));
      socket.resume();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      await within(goneMsMax, "the end of the connection", closed);
    });
  }
});
