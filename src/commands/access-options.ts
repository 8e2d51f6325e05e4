import type { Access, CheckToken } from "../server/access/access.ts";
import { isLoopback, type ListenAddress } from "../server/listen-url.ts";
import type { Log } from "../server/watch/log.ts";
import { followFiles } from "./follow-files.ts";
import { readSmallFile } from "./small-file.ts";

export interface AccessFlags {
  readonly wsAuth?: "capability-token" | "signed-bearer-token";
  readonly wsTokenFile?: string;
  readonly wsTokenSha256?: string;
  readonly wsSharedSecretFile?: string;
  readonly wsIssuer?: string;
  readonly wsAudience?: string;
  readonly wsMaxClockSkewSeconds?: number;
  readonly insecureNoAuth?: boolean;
}

const clockSkewSecondsDefault = 30;
const sharedSecretBytesMin = 32;

/**
 * The access check that the options ask for. Throws an Error when options contradict each other.
 */
export async function accessFrom(
  flags: AccessFlags,
  address: ListenAddress,
  log: Log,
): Promise<Access> {
  refuseMixedFlags(flags);
  const { loopbackAccess, openAccess, tokenAccess } = await import("../server/access/access.ts");
  if (flags.wsAuth === undefined) {
    refuseOpenNetwork(flags, address, log);
    return isLoopback(address.host) ? loopbackAccess : openAccess;
  }
  return tokenAccess(await currentTokenCheck(flags, log), log);
}

/** Checks tokens against the current content of the token or secret file. */
async function currentTokenCheck(flags: AccessFlags, log: Log): Promise<CheckToken> {
  let check = await tokenCheck(flags);
  const path = flags.wsTokenFile ?? flags.wsSharedSecretFile;
  const renew = async () => {
    check = await tokenCheck(flags);
  };
  if (path !== undefined) followFiles({ paths: [path], renew, log });
  return (token) => check(token);
}

function refuseMixedFlags(flags: AccessFlags): void {
  const { wsAuth, wsTokenFile, wsTokenSha256, insecureNoAuth } = flags;
  const hasTokenFlags = wsTokenFile !== undefined || wsTokenSha256 !== undefined;
  const signedFlags = [
    flags.wsSharedSecretFile,
    flags.wsIssuer,
    flags.wsAudience,
    flags.wsMaxClockSkewSeconds,
  ];
  const hasSignedFlags = signedFlags.some((flag) => flag !== undefined);
  if (wsAuth === undefined && (hasTokenFlags || hasSignedFlags)) throw new Error(modeMissing);
  if (wsAuth === "signed-bearer-token" && hasTokenFlags) throw new Error(tokenFlagsMisplaced);
  if (wsAuth === "capability-token" && hasSignedFlags) throw new Error(signedFlagsMisplaced);
  if (wsAuth !== undefined && insecureNoAuth) throw new Error(authAndNoAuth);
}

const modeMissing =
  "websocket auth flags require `--ws-auth capability-token` or `--ws-auth signed-bearer-token`";
const tokenFlagsMisplaced =
  "`--ws-token-file` and `--ws-token-sha256` require `--ws-auth capability-token`, not " +
  "`signed-bearer-token`";
const signedFlagsMisplaced =
  "`--ws-shared-secret-file`, `--ws-issuer`, `--ws-audience`, and `--ws-max-clock-skew-seconds` " +
  "require `--ws-auth signed-bearer-token`";
const authAndNoAuth = "`--insecure-no-auth` and `--ws-auth` are mutually exclusive; drop one";

/**
 * Refuses to serve other machines without a token: any client can run commands as the server's
 * user.
 */
function refuseOpenNetwork({ insecureNoAuth }: AccessFlags, { host }: ListenAddress, log: Log) {
  if (isLoopback(host)) return;
  if (insecureNoAuth) {
    return log("warn", `anybody who can reach ${host} can run commands here: --insecure-no-auth`);
  }
  throw new Error(
    `refusing to listen at ${host} without authentication: anybody who can reach it could run ` +
      "commands here; add `--ws-auth capability-token --ws-token-file FILE`, or listen at " +
      "127.0.0.1 and reach it through an ssh tunnel (`--insecure-no-auth` overrides)",
  );
}

const tokenCheck = (flags: AccessFlags) =>
  flags.wsAuth === "signed-bearer-token" ? signedTokenCheck(flags) : capabilityTokenCheck(flags);

async function capabilityTokenCheck({ wsTokenFile, wsTokenSha256 }: AccessFlags) {
  if (wsTokenFile !== undefined && wsTokenSha256 !== undefined) {
    throw new Error("`--ws-token-file` and `--ws-token-sha256` are mutually exclusive");
  }
  const { capabilityToken, sha256 } = await import("../server/access/capability-token.ts");
  if (wsTokenFile !== undefined) return capabilityToken(sha256(await secretIn(wsTokenFile)));
  if (wsTokenSha256 === undefined) {
    throw new Error(
      "`--ws-token-file` or `--ws-token-sha256` is required when `--ws-auth capability-token` is set",
    );
  }
  if (/^[0-9a-f]{64}$/i.test(wsTokenSha256)) {
    return capabilityToken(Buffer.from(wsTokenSha256, "hex"));
  }
  throw new Error("--ws-token-sha256 must be a 64-character hex SHA-256 digest");
}

async function signedTokenCheck(flags: AccessFlags) {
  const path = flags.wsSharedSecretFile;
  if (path === undefined) {
    throw new Error(
      "`--ws-shared-secret-file` is required when `--ws-auth signed-bearer-token` is set",
    );
  }
  const secret = await secretIn(path);
  if (Buffer.byteLength(secret) < sharedSecretBytesMin) {
    throw new Error(
      `signed websocket bearer secret ${path} must be at least ${sharedSecretBytesMin} bytes`,
    );
  }
  const { signedToken } = await import("../server/access/signed-token.ts");
  return signedToken({
    secret,
    issuer: flags.wsIssuer,
    audience: flags.wsAudience,
    clockSkewSeconds: flags.wsMaxClockSkewSeconds ?? clockSkewSecondsDefault,
  });
}

async function secretIn(path: string): Promise<string> {
  let text: string;
  try {
    text = (await readSmallFile(path)).toString("utf8").trim();
  } catch (error) {
    throw new Error(`failed to read websocket auth secret ${path}: ${(error as Error).message}`);
  }
  if (text === "") throw new Error(`websocket auth secret ${path} must not be empty`);
  return text;
}
