import * as z from "zod/mini";
import { wholeNumber } from "./members.ts";
import { pathUri } from "./path-uri-schema.ts";
import { remembering } from "./remembering.ts";

const network = () => z.enum(["restricted", "enabled"]);

const special = () =>
  z.object({
    kind: z.enum([
      "root",
      "minimal",
      "current_working_directory",
      "project_roots",
      "tmpdir",
      "slash_tmp",
      "unknown",
    ]),
    /** Relative to the directory of `kind`; the reference knows it for `project_roots`. */
    subpath: z.nullish(z.string()),
    path: z.nullish(z.string()),
  });

const entry = () =>
  z.object({
    path: z.discriminatedUnion("type", [
      z.object({ type: z.literal("path"), path: pathUri }),
      z.object({ type: z.literal("glob_pattern"), pattern: z.string() }),
      z.object({ type: z.literal("special"), value: special() }),
    ]),
    /** `none` is the old name of `deny`. */
    access: z.enum(["read", "write", "deny", "none"]),
    // The reference's `missing_path_behavior: "skip"` has no effect there either: a path excluded
    // from a writable directory must not be created.
  });

const fileSystem = () =>
  z.discriminatedUnion("type", [
    z.object({ type: z.literal("unrestricted") }),
    z.object({
      type: z.literal("restricted"),
      entries: z.array(entry()),
      glob_scan_max_depth: z.nullish(wholeNumber(1)),
    }),
  ]);

const permissions = () =>
  z.discriminatedUnion("type", [
    /** Not confined. */
    z.object({ type: z.literal("disabled") }),
    /** Another sandbox confines file access; only the network of processes is confined here. */
    z.object({ type: z.literal("external"), network: network() }),
    z.object({ type: z.literal("managed"), file_system: fileSystem(), network: network() }),
  ]);

/**
 * The sandbox policy of a file operation or a process. As in the reference, members inside
 * `permissions` are snake_case, all others camelCase.
 */
export const sandbox = () =>
  remembering(
    z.object({
      permissions: permissions(),
      cwd: z.nullish(pathUri),
      workspaceRoots: z.nullish(z.array(pathUri)),
      /** Takes precedence over the `cwd` and `workspaceRoots` beside it. */
      policyContext: z.nullish(
        z.object({ cwd: z.nullish(pathUri), workspaceRoots: z.nullish(z.array(pathUri)) }),
      ),
      userHomeDir: z.nullish(pathUri),
      /** Required by the reference on every platform. */
      windowsSandboxLevel: z.enum(["disabled", "restricted-token", "elevated", "mxc"]),
      /**
       * Accepted without effect: bwrap confines in either case. Landlock is weaker: it hides no
       * process, socket or device, and leaves the names, sizes and modes of files visible.
       */
      useLegacyLandlock: z.nullish(z.boolean()),
    }),
  );

export type Sandbox = z.output<ReturnType<typeof sandbox>>;
