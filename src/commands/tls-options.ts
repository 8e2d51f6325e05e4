import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Listener, TlsFiles } from "../server/listen.ts";
import type { Log } from "../server/log.ts";
import { followFiles } from "./follow-files.ts";

interface TlsFlags {
  readonly listen: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Reads certificate and key. Throws an Error if one is missing or they do not belong together. */
export function tlsFrom({ listen, tlsCert, tlsKey }: TlsFlags): TlsFiles {
  if (tlsCert === undefined && tlsKey === undefined) {
    throw new Error(`\`--listen ${listen}\` needs \`--tls-cert FILE\` and \`--tls-key FILE\``);
  }
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new Error("`--tls-cert` and `--tls-key` are required together");
  }
  const files = { cert: pem("--tls-cert", tlsCert), key: pem("--tls-key", tlsKey) };
  refuseUnusable(files, `--tls-cert ${tlsCert} and --tls-key ${tlsKey}`);
  return files;
}

/** Uses changed certificate files for new connections. */
export function followTls(flags: TlsFlags, server: Listener, log: Log): void {
  const paths = [flags.tlsCert, flags.tlsKey].filter((path) => path !== undefined);
  followFiles({ paths, renew: () => server.encryptWith(tlsFrom(flags)), log });
}

function pem(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`failed to read ${flag} ${path}: ${(error as Error).message}`);
  }
}

function refuseUnusable(files: TlsFiles, named: string): void {
  try {
    createSecureContext(files);
    const { validTo } = new X509Certificate(files.cert);
    if (Date.parse(validTo) < Date.now()) throw new Error(`the certificate expired on ${validTo}`);
  } catch (error) {
    throw new Error(`cannot use ${named}: ${(error as Error).message}`);
  }
}
