import { isIP } from "node:net";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `ws://IP:PORT`. Throws an Error that says what is expected. */
export function parseListenUrl(url: string): ListenAddress {
  if (!url.startsWith("ws://")) {
    throw new Error(`unsupported --listen URL \`${url}\`; expected \`ws://IP:PORT\``);
  }
  const [, host = "", port = ""] = /^ws:\/\/(\[[^\]]*\]|[^:/]*):(\d{1,5})$/.exec(url) ?? [];
  const address = { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
  if (isIP(address.host) !== 0 && port !== "" && address.port <= 65_535) return address;
  throw new Error(
    `invalid websocket --listen URL \`${url}\`; expected \`ws://IP:PORT\` with a numeric address ` +
      "and a port from 0 (any free one) to 65535, for example ws://127.0.0.1:0",
  );
}

export const listenUrlOf = ({ host, port }: ListenAddress) =>
  `ws://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
