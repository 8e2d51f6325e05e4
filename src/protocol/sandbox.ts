import * as z from "zod/mini";
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
    /** Below the place that `kind` names; the reference knows it for `project_roots`. */
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
    /** `none` is an old word for `deny`. */
    access: z.enum(["read", "write", "deny", "none"]),
    // The reference's `missing_path_behavior: "skip"` changes nothing there either: what is
    // taken out of a writable place must not come into being.
  });

const fileSystem = () =>
  z.discriminatedUnion("type", [
    z.object({ type: z.literal("unrestricted") }),
    z.object({
      type: z.literal("restricted"),
      entries: z.array(entry()),
      glob_scan_max_depth: z.nullish(z.int().check(z.positive())),
    }),
  ]);

const permissions = () =>
  z.discriminatedUnion("type", [
    /** No confinement is asked for. */
    z.object({ type: z.literal("disabled") }),
    /** Somebody else sees to the files; the network of processes is still to be confined. */
    z.object({ type: z.literal("external"), network: network() }),
    z.object({ type: z.literal("managed"), file_system: fileSystem(), network: network() }),
  ]);

/**
 * How a file operation or a process is to be confined. Members inside `permissions` are snake_case
 * on the wire, the others camelCase: so the reference has it.
 */
export const sandbox = () =>
  remembering(
    z.object({
      permissions: permissions(),
      cwd: z.nullish(pathUri),
      workspaceRoots: z.nullish(z.array(pathUri)),
      /** Wins over the `cwd` and `workspaceRoots` beside it. */
      policyContext: z.nullish(
        z.object({ cwd: z.nullish(pathUri), workspaceRoots: z.nullish(z.array(pathUri)) }),
      ),
      userHomeDir: z.nullish(pathUri),
      /** Required by the reference on every platform. */
      windowsSandboxLevel: z.enum(["disabled", "restricted-token", "elevated", "mxc"]),
      /**
       * Accepted and without effect. Landlock is the weaker of the two: it hides no process, socket
       * or device, and leaves a file's name, size and mode to be seen. bwrap confines in either
       * case.
       */
      useLegacyLandlock: z.nullish(z.boolean()),
    }),
  );

export type Sandbox = z.output<ReturnType<typeof sandbox>>;
