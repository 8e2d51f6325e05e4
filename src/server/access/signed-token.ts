import type { JWTVerifyOptions } from "jose";
import type { CheckToken } from "./access.ts";

export interface SignedTokenOptions {
  readonly secret: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  /** How far the signer's clock and ours may be apart. */
  readonly clockSkewSeconds: number;
}

/** Admits JSON web tokens that are signed with the secret by HS256 and have not expired. */
export async function signedToken(options: SignedTokenOptions): Promise<CheckToken> {
  const { jwtVerify, errors } = await import("jose");
  const key = new TextEncoder().encode(options.secret);
  const demands = demandsOf(options);
  return async (token) => {
    try {
      await jwtVerify(token, key, demands);
      return undefined;
    } catch (error) {
      if (error instanceof errors.JWTExpired) return "expired websocket jwt";
      if (error instanceof errors.JWTClaimValidationFailed) return complaintAbout(error.claim);
      if (error instanceof errors.JOSEError) return invalid;
      throw error;
    }
  };
}

function demandsOf({ issuer, audience, clockSkewSeconds }: SignedTokenOptions): JWTVerifyOptions {
  return {
    algorithms: ["HS256"],
    requiredClaims: ["exp"],
    clockTolerance: clockSkewSeconds,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
}

const invalid = "invalid websocket jwt";

/** The texts of the reference. */
function complaintAbout(claim: string): string {
  switch (claim) {
    case "nbf":
      return "websocket jwt is not valid yet";
    case "iss":
      return "websocket jwt issuer mismatch";
    case "aud":
      return "websocket jwt audience mismatch";
    default:
      return invalid;
  }
}
