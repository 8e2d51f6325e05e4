import { BlockList, isIP } from "node:net";
import { internalError } from "../../../protocol/errors.ts";
import type { Variables } from "../spawn/start/child-env.ts";

/** The proxy for a URL, or undefined when the server is to be reached directly. */
export type ProxyOf = (url: URL) => URL | undefined;

/** Not SOCKS: the library's support is experimental, and prints warnings on stderr. */
const proxyProtocols = ["http:", "https:"];

/**
 * Finds proxies by the executor's variables: `HTTP_PROXY` or `HTTPS_PROXY` by the scheme of the
 * URL, else `ALL_PROXY`, unless `NO_PROXY` exempts the host; also in lower case. Loopback is not
 * exempt by itself. Throws -32603 for a URL whose proxy is unusable.
 */
export function proxyByVariables(variables: Variables): ProxyOf {
  const isExempt = exemption(either(variables, "NO_PROXY")?.value ?? "");
  return (url) => {
    const scheme = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
    const variable = either(variables, scheme) ?? either(variables, "ALL_PROXY");
    if (variable === undefined || isExempt(bareHost(url))) return undefined;
    return proxyUrl(variable);
  };
}

interface Variable {
  readonly name: string;
  readonly value: string;
}

function either(variables: Variables, upperName: string): Variable | undefined {
  for (const name of [upperName, upperName.toLowerCase()]) {
    const value = variables[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}

function proxyUrl({ name, value }: Variable): URL {
  const text = value.includes("://") ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && proxyProtocols.includes(url.protocol)) return url;
  throw internalError(
    `http/request failed: the executor's variable ${name} names no usable proxy; ` +
      "set it to an http or https URL, or unset it",
  );
}

/** The host without the brackets of an IPv6 address. */
const bareHost = (url: URL) => url.hostname.replace(/^\[(.*)\]$/, "$1");

/**
 * Makes a test whether a host is on the list of names (with their subdomains), addresses, CIDR
 * blocks and `*`.
 */
function exemption(list: string): (host: string) => boolean {
  const entries = list.split(",").map((entry) => entry.trim().toLowerCase());
  if (entries.includes("*")) return () => true;
  const addresses = new BlockList();
  const names: string[] = [];
  for (const entry of entries) {
    if (entry !== "" && !addAddress(addresses, entry)) names.push(dotted(entry));
  }
  return (host) =>
    isIP(host) === 0
      ? names.some((name) => dotted(host).endsWith(name))
      : addresses.check(host, family(host));
}

/** `example.com`, `.example.com` and `*.example.com` mean the same. */
const dotted = (name: string) => name.replace(/^(\*?\.)?/, ".");

function addAddress(addresses: BlockList, entry: string): boolean {
  const [address = "", prefix] = entry.split("/", 2);
  const bits = isIP(address) === 4 ? 32 : 128;
  if (isIP(address) === 0) return false;
  if (prefix === undefined) addresses.addAddress(address, family(address));
  else if (/^\d+$/.test(prefix) && Number(prefix) <= bits) {
    addresses.addSubnet(address, Number(prefix), family(address));
  }
  return true;
}

const family = (address: string) => (isIP(address) === 4 ? "ipv4" : "ipv6");
