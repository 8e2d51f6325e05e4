import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { Listener, TlsFiles } from "../server/listen.ts";
import type { Log } from "../server/watch/log.ts";
import { followFiles } from "./follow-files.ts";
import { readSmallFile } from "./small-file.ts";

interface TlsFlags {
  readonly listen: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Reads certificate and key. Throws an Error that says which of them cannot be used, and why. */
export async function tlsFrom({ listen, tlsCert, tlsKey }: TlsFlags): Promise<TlsFiles> {
  if (tlsCert === undefined && tlsKey === undefined) {
    throw new Error(`\`--listen ${listen}\` needs \`--tls-cert FILE\` and \`--tls-key FILE\``);
  }
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new Error("`--tls-cert` and `--tls-key` are required together");
  }
  const files = { cert: await pem("--tls-cert", tlsCert), key: await pem("--tls-key", tlsKey) };
  refuseUnusable(files, tlsCert, tlsKey);
  return files;
}

/** Uses changed certificate files for new connections. */
export function followTls(flags: TlsFlags, server: Listener, log: Log): void {
  const paths = [flags.tlsCert, flags.tlsKey].filter((path) => path !== undefined);
  followFiles({ paths, renew: async () => server.encryptWith(await tlsFrom(flags)), log });
}

async function pem(flag: string, path: string): Promise<Buffer> {
  try {
    return await readSmallFile(path);
  } catch (error) {
    throw new Error(`failed to read ${flag} ${path}: ${(error as Error).message}`);
  }
}

function refuseUnusable(files: TlsFiles, cert: string, key: string): void {
  const error = contextError(files);
  if (error) throw new Error(`cannot use ${culpritOf(files, cert, key)} (${error.message})`);
  const certificate = new X509Certificate(files.cert);
  // OpenSSL only compares keys of the same kind.
  if (!certificate.checkPrivateKey(createPrivateKey(files.key))) {
    throw new Error(`cannot use ${mismatch(cert, key)}`);
  }
  const { validTo } = certificate;
  if (Date.parse(validTo) >= Date.now()) return;
  throw new Error(`cannot use --tls-cert ${cert}: the certificate expired on ${validTo}`);
}

/** Finds out which file OpenSSL complains of: its own text names none. */
function culpritOf(files: TlsFiles, cert: string, key: string): string {
  if (contextError({ cert: files.cert })) return `--tls-cert ${cert}: no usable certificate in PEM`;
  if (isEncrypted.test(files.key.toString("latin1"))) {
    return `--tls-key ${key}: the key has a passphrase; remove it by openssl pkey -in ${key}`;
  }
  if (contextError({ key: files.key })) return `--tls-key ${key}: no private key in PEM`;
  return mismatch(cert, key);
}

const mismatch = (cert: string, key: string) =>
  `--tls-cert ${cert} and --tls-key ${key}: the key is not that of the certificate`;

/** Both formats of an encrypted key in PEM. */
const isEncrypted = /^-----BEGIN ENCRYPTED|^Proc-Type:.*ENCRYPTED/m;

function contextError(files: Partial<TlsFiles>): Error | undefined {
  try {
    createSecureContext(files);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
