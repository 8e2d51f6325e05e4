import type { TestContext } from "node:test";
import { localEnvironment } from "../../src/environment/local/environment.ts";
import { defaultLimits } from "../../src/limits.ts";
import { startExecServer } from "../../src/server/exec-server.ts";
import type { Log } from "../../src/server/watch/log.ts";

interface TalkativeServer {
  readonly url: string;
  /** What was logged so far: messages, and the reasons behind them. */
  readonly lines: string[];
}

interface TalkativeOptions {
  /** Of the answer to `fs/canonicalize`. */
  readonly answerChars: number;
  /** Until when it only gets ready; by default it is. */
  readonly ready?: Promise<void>;
  /** Called for each such request before it is answered. */
  readonly onAsked?: () => void;
}

/** A server of this process that has much to say, at once. */
export async function talkativeServer(
  t: TestContext,
  { answerChars, ready = Promise.resolve(), onAsked = () => {} }: TalkativeOptions,
): Promise<TalkativeServer> {
  const lines: string[] = [];
  const log = (_: string, message: string, fields?: { readonly reason?: string }) =>
    void lines.push([message, fields?.reason ?? []].flat().join(": "));
  const local = await localEnvironment({ variables: {}, cwd: "/", version: "test" });
  const canonicalize = async () => {
    onAsked();
    return { path: "x".repeat(answerChars) };
  };
  const talkative = {
    ...local,
    fileSystem: (...args: Parameters<typeof local.fileSystem>) => ({
      ...local.fileSystem(...args),
      canonicalize,
    }),
  };
  const server = await startExecServer({
    address: { host: "127.0.0.1", port: 0 },
    tls: undefined,
    access: async () => undefined,
    limits: defaultLimits,
    sessionTtlMs: 1000,
    environment: ready.then(() => talkative),
    log: Object.assign(log, { writes: () => false }) as Log,
    audit: undefined,
  });
  t.after(() => server.close());
  return { url: server.url, lines };
}
