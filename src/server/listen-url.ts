import { BlockList, isIP } from "node:net";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `ws://IP:PORT` or `wss://IP:PORT`. Throws an Error that says what is expected. */
export function parseListenUrl(url: string): ListenAddress {
  if (!/^wss?:\/\//.test(url)) {
    throw new Error(`unsupported --listen URL \`${url}\`; expected \`ws://IP:PORT\``);
  }
  const [, host = "", port = ""] = /^wss?:\/\/(\[[^\]]*\]|[^:/]*):(\d{1,5})$/.exec(url) ?? [];
  const address = { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
  if (isIP(address.host) !== 0 && port !== "" && address.port <= 65_535) return address;
  throw new Error(
    `invalid websocket --listen URL \`${url}\`; expected \`ws://IP:PORT\` with a numeric address ` +
      "and a port from 0 (any free one) to 65535, for example ws://127.0.0.1:0",
  );
}

export const listenUrlOf = (scheme: "ws" | "wss", { host, port }: ListenAddress) =>
  `${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;

/** Whether only this machine can reach the address. */
export const isLoopback = (host: string) =>
  isIP(host) === 6 ? isLoopbackOfIpv6(host) : host.startsWith("127.");

/** An address of this family can be written in many ways. */
function isLoopbackOfIpv6(host: string): boolean {
  const loopback = new BlockList();
  loopback.addSubnet("::ffff:127.0.0.0", 104, "ipv6");
  loopback.addAddress("::1", "ipv6");
  return loopback.check(host, "ipv6");
}
