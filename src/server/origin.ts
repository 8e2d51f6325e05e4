import { isIPv6 } from "node:net";

/**
 * Whoever has one IPv6 address has the 2^64 of its network; an IPv4 address may come dressed as
 * one.
 */
export function origin(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const groups = head === "" ? [] : head.split(":");
  const last = tail ? tail.split(":") : [];
  const gap = tail === undefined ? 0 : 8 - groups.length - last.length;
  return [...groups, ...Array(gap).fill("0"), ...last].slice(0, 4).join(":");
}
