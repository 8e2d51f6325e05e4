import * as z from "zod";
import { pathUri } from "./path-uri-schema.ts";

/** `params` of a method that has none: absent, null and `{}` are the same. */
const noParams = () => z.strictObject({}).nullish();

export const capabilities = () => z.record(z.string(), z.boolean());

/** What a client may want to know of the machine it works on. Paths are `file:` URIs. */
export const environmentInfo = () =>
  z.object({
    /** The login shell of the account, from the account database, not from `$SHELL`. */
    shell: z.object({ name: z.string(), path: z.string() }),
    executorVersion: z.string().optional(),
    /** Identity of this build; the same for all servers of one version. */
    providerId: z.string().optional(),
    /** The server's working directory. */
    cwd: z.string().nullish(),
    userHomeDir: z.string().optional(),
    platformOs: z.string().optional(),
    /** `[TMPDIR]` when the server has one, else empty: what `tmpdir` means in a sandbox policy. */
    temporaryDirectories: z.array(z.string()).optional(),
    tempDir: z.string().optional(),
    /** Whether this machine can confine work, and if not, why and what would help. */
    sandbox: z
      .object({ available: z.boolean(), reason: z.string().optional(), fix: z.string().optional() })
      .optional(),
    /** Absent means false: a client uses a newer method or field only when its flag is true. */
    capabilities: capabilities().optional(),
  });

const configLayers = z.object({ layers: z.array(z.unknown()), cloudInsertionIndex: z.number() });

export const environmentRequests = {
  "environment/info": { params: noParams, result: environmentInfo },
  "environment/status": {
    params: noParams,
    result: () => z.object({ status: z.literal("ready") }),
  },
  /** The executor's own codex configuration. Ours keeps none, and says so by empty layers. */
  "environmentConfig/read": {
    params: () =>
      z
        .object({
          cwd: pathUri,
          configPaths: z.array(z.array(z.string())),
          requirementsPaths: z.array(z.array(z.string())),
        })
        .refine(
          ({ configPaths, requirementsPaths }) => configPaths.length + requirementsPaths.length > 0,
          "at least one config or requirements path is required",
        ),
    result: () =>
      z.object({
        userHomeDir: z.string().nullable(),
        codexHomeDir: z.string(),
        hostname: z.string(),
        config: configLayers,
        requirements: configLayers,
      }),
  },
};
