import assert from "node:assert/strict";
import { after, describe, type TestContext, test } from "node:test";
import {
  type ConnectionError,
  connect,
  InvalidRequestError,
  type Sandbox,
} from "../src/client/library.ts";
import { messageDepthMax, messageValuesMax } from "../src/limits.ts";
import { startServer } from "./support/server.ts";
import { within } from "./support/within.ts";

const messageBytesMax = 100_000;
const server = startServer({ after }, { args: ["--max-message", `${messageBytesMax}`] });
const anyServer = startServer({ after });

async function connected(t: TestContext, { url }: { readonly url: string }) {
  const environment = await connect(url);
  t.after(() => environment.close());
  return environment;
}

describe("a request that the executor does not take", () => {
  test("fails when it has more values than one message may have", async (t) => {
    const environment = await connected(t, await anyServer);
    const argv = Array.from({ length: messageValuesMax }, () => "x");
    const refused = assert.rejects(environment.start(argv), InvalidRequestError);
    await within(30_000, "the refusal", refused);
    await environment.check();
  });

  test("fails when it is nested deeper than a message may be", async (t) => {
    const environment = await connected(t, await anyServer);
    let sandbox: object = {};
    for (let depth = 0; depth < messageDepthMax; depth++) sandbox = { sandbox };
    const read = environment.files.read("/etc/hostname", { sandbox: sandbox as Sandbox });
    await within(30_000, "the refusal", assert.rejects(read, InvalidRequestError));
    await environment.check();
  });

  test("fails when it is too large, and only it: the others are made again", async (t) => {
    const environment = await connected(t, await server);
    const large = "x".repeat(messageBytesMax);
    const others = ["one", "two"].map((text) => environment.run(["echo", text]));
    const refused = environment.run(["echo", large]);
    const isFinal = ({ message, retryable }: ConnectionError) =>
      /^process\/start: no answer: .*\(1009 .* 100000 bytes .* larger --max-message\)$/.test(
        message,
      ) && !retryable;
    await within(30_000, "the refusal", assert.rejects(refused, isFinal));
    const printed = await within(30_000, "the others", Promise.all(others));
    assert.deepEqual(
      printed.map(({ stdout }) => stdout),
      ["one\n", "two\n"],
    );
  });
});
