import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Message } from "./client.ts";
import type { Scope } from "./last-first.ts";

/** What becomes of a message: it goes on, as it is or changed, or the connection breaks instead. */
export type Verdict = Message | "pass" | "break";

export interface RelayRules {
  readonly toServer?: (message: Message) => Verdict;
  readonly toClient?: (message: Message) => Verdict;
}

/** As between a client and a server that has never heard of this feature. */
export function withoutCapability(capability: string, rules: RelayRules = {}): RelayRules {
  const toClient = (message: Message): Verdict => {
    const result = message.result as { environmentInfo?: { capabilities: object } } | undefined;
    const capabilities = result?.environmentInfo?.capabilities;
    if (!capabilities) return rules.toClient?.(message) ?? "pass";
    Object.assign(capabilities, { [capability]: false });
    return message;
  };
  return { ...rules, toClient };
}

export interface Relay {
  readonly url: string;
  /** Every text that the client sent, over all its connections. */
  readonly sent: readonly string[];
  /** Breaks what is open. */
  break(): void;
  /** Leads the connections to come to another server. */
  leadTo(url: string): void;
  /** Nothing gets through the open connections any more, and nobody is told. */
  freeze(): void;
}

/** Stands between a client and a server and looks at what they say. */
export async function startRelay(
  scope: Scope,
  server: string,
  rules: RelayRules = {},
): Promise<Relay> {
  const listener = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(listener, "listening");
  const open = new Set<Bridge>();
  const sent: string[] = [];
  let target = server;
  listener.on("connection", (client) => {
    const bridge = new Bridge({ client, target, rules, sent, onEnd: () => open.delete(bridge) });
    open.add(bridge);
  });
  const breakAll = () => {
    for (const bridge of open) bridge.break();
  };
  scope.after(async () => {
    breakAll();
    listener.close();
    await once(listener, "close");
  });
  return {
    url: `ws://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    sent,
    break: breakAll,
    leadTo: (url) => {
      target = url;
    },
    freeze: () => {
      for (const bridge of open) bridge.freeze();
    },
  };
}

interface BridgeOptions {
  readonly client: WebSocket;
  readonly target: string;
  readonly rules: RelayRules;
  readonly sent: string[];
  readonly onEnd: () => void;
}

/** One connection of a client, and that to the server which belongs to it. */
class Bridge {
  readonly #client: WebSocket;
  readonly #server: WebSocket;
  #frozen = false;

  constructor({ client, target, rules, sent, onEnd }: BridgeOptions) {
    this.#client = client;
    this.#server = new WebSocket(target);
    const { toServer = () => "pass", toClient = () => "pass" } = rules;
    const opened = once(this.#server, "open");
    // A server that cannot be reached ends the bridge by its "error" below.
    opened.catch(() => {});
    client.on("message", async (frame) => {
      sent.push(frame.toString());
      await opened.catch(() => {});
      this.#forward(frame.toString(), toServer, this.#server);
    });
    this.#server.on("message", (frame) => this.#forward(frame.toString(), toClient, client));
    for (const socket of [client, this.#server]) {
      socket.on("error", () => this.break());
      socket.on("close", () => {
        onEnd();
        this.break();
      });
    }
  }

  break(): void {
    this.#client.terminate();
    this.#server.terminate();
  }

  /** Pings go unanswered too, at both ends. */
  freeze(): void {
    this.#frozen = true;
    this.#client.pause();
    this.#server.pause();
  }

  #forward(text: string, rule: (message: Message) => Verdict, to: WebSocket): void {
    if (this.#frozen || to.readyState !== WebSocket.OPEN) return;
    const verdict = rule(JSON.parse(text));
    if (verdict === "break") this.break();
    else to.send(verdict === "pass" ? text : JSON.stringify(verdict));
  }
}
