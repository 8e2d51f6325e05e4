import * as z from "zod/mini";
import { pathUri } from "./path-uri-schema.ts";

/** Params of a method without any: absent, null and `{}` are the same. */
const noParams = () => z.nullish(z.strictObject({}));

const capabilities = () => z.record(z.string(), z.boolean());

/** Facts about the machine and the executor. Paths are `file:` URIs. */
export const environmentInfo = () =>
  z.object({
    /** The login shell of the account, from the account database, not from `$SHELL`. */
    shell: z.object({ name: z.string(), path: z.string() }),
    executorVersion: z.optional(z.string()),
    /** Identity of this build; the same for all servers of one version. */
    providerId: z.optional(z.string()),
    /** The server's working directory. */
    cwd: z.nullish(z.string()),
    userHomeDir: z.optional(z.string()),
    platformOs: z.optional(z.string()),
    /** `[TMPDIR]` when the server has one, else empty: what `tmpdir` means in a sandbox policy. */
    temporaryDirectories: z.optional(z.array(z.string())),
    tempDir: z.optional(z.string()),
    /** Whether sandboxes work on this machine; if not, why, and a remedy. */
    sandbox: z.optional(
      z.object({
        available: z.boolean(),
        reason: z.optional(z.string()),
        fix: z.optional(z.string()),
      }),
    ),
    /** Absent means false: a client uses a newer method or field only when its flag is true. */
    capabilities: z.optional(capabilities()),
  });

const configLayers = z.object({ layers: z.array(z.unknown()), cloudInsertionIndex: z.number() });

export const environmentRequests = {
  "environment/info": { params: noParams, result: environmentInfo },
  "environment/status": {
    params: noParams,
    result: () => z.object({ status: z.literal("ready") }),
  },
  /** The executor's own codex configuration. This executor has none, so the layers are empty. */
  "environmentConfig/read": {
    params: () =>
      z
        .object({
          cwd: pathUri,
          configPaths: z.array(z.array(z.string())),
          requirementsPaths: z.array(z.array(z.string())),
        })
        .check(
          z.refine(
            ({ configPaths, requirementsPaths }) =>
              configPaths.length + requirementsPaths.length > 0,
            "at least one config or requirements path is required",
          ),
        ),
    result: () =>
      z.object({
        userHomeDir: z.nullable(z.string()),
        codexHomeDir: z.string(),
        hostname: z.string(),
        config: configLayers,
        requirements: configLayers,
      }),
  },
};
