import { isIPv6 } from "node:net";

/**
 * The network that counts as one client: an IPv4 address itself, also when it is written as an IPv6
 * one, and the first 64 bits of an IPv6 address, because one host may use all addresses below them.
 */
export function clientNetwork(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const groups = head === "" ? [] : head.split(":");
  const last = tail ? tail.split(":") : [];
  const gap = tail === undefined ? 0 : 8 - groups.length - last.length;
  return [...groups, ...Array(gap).fill("0"), ...last].slice(0, 4).join(":");
}
