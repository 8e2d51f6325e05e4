import {
  packageOf,
  reach,
  type Source,
  type Sources,
  type Violation,
} from "./architecture-sources.ts";
import { lineAt } from "./architecture-text.ts";

const helper = "fs-helper/main.ts";
/** Where the outside world comes in; a source that none of these leads to is dead. */
const entries = [
  "commands/main.ts",
  "commands/whole-server.ts",
  helper,
  "environment/local/files/trees/file-thread-main.ts",
  "client/library.ts",
  // The build has ws load it in place of a package.
  "server/socket/frame-mask.ts",
];

const list = (sources: Sources) => [...sources.values()];

/** Every match of a pattern in the code of some files, told with the line. */
function findings(
  sources: readonly Source[],
  pattern: RegExp,
  tell: (found: string) => string,
): Violation[] {
  return sources.flatMap(({ path, code }) =>
    [...code.matchAll(pattern)].map(
      (match) => `${path}:${lineAt(code, match.index)}: ${tell(match[0].trim())}`,
    ),
  );
}

const outsideWorld =
  /(?<![.\w$])process\s*\??\.\s*(?:argv|env)\b|(?<![.\w$])process\s*\[|\}\s*=\s*process\s*;/g;
const outsideNames = /\bimport\s*\{[^}]*\b(?:argv|env|exit)\b[^}]*\}\s*from\b/;

const exit = /(?<![.\w$])process\s*\??\.\s*exit\b/g;
/** A variable of that name may well have an exit of its own. */
const ownProcess = /\b(?:const|let|var)\s+process\b|[(,]\s*process\s*[:,)]/;

/** Configuration enters at one place and travels as arguments. */
export function checkOutsideWorld(sources: Sources): Violation[] {
  const inside = list(sources).filter(({ path }) => !path.startsWith("commands/"));
  const tell = (found: string) =>
    `${found} is for commands/ only; take what is needed as an argument`;
  const named = inside
    .filter(({ imports }) => imports.some(({ specifier }) => isProcessModule(specifier)))
    .filter(({ code }) => outsideNames.test(code))
    .map(({ path }) => `${path}: ${tell("argv, env or exit of node:process")}`);
  const global = inside.filter(({ code }) => !ownProcess.test(code));
  return [...findings(inside, outsideWorld, tell), ...findings(global, exit, tell), ...named];
}

const isProcessModule = (specifier = "") => /^(?:node:)?process$/.test(specifier);

const starters = [
  "child_process",
  "node:child_process",
  "cluster",
  "node:cluster",
  "execa",
  "koffi",
];
const mayStart = new RegExp(
  "^(?:environment/local/(?:spawn|libc)/|" +
    "sandbox/(?:workers/(?:worker-process|own-program)|mount-points/mount-sweeper|" +
    "bwrap/health)\\.ts$)",
);

/** One place knows how processes are started, and how they are killed. */
export function checkProcessStarters(sources: Sources): Violation[] {
  return importsOutside(
    sources,
    mayStart,
    starters,
    "only spawn/ and libc/ of environment/local, and worker-process, own-program, mount-sweeper " +
      "and health of sandbox/ start processes; use the Spawner",
  );
}

/** The transport is known at the two ends only. */
export function checkSockets(sources: Sources): Violation[] {
  const advice = "only server/ and client/ know WebSockets; take a function that sends";
  return importsOutside(sources, /^(?:server|client)\//, ["ws"], advice);
}

function importsOutside(
  sources: Sources,
  allowed: RegExp,
  names: readonly string[],
  advice: string,
): Violation[] {
  return list(sources)
    .filter(({ path }) => !allowed.test(path))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier }) => names.some((name) => isOf(name, specifier)))
        .map(({ line, specifier }) => `${path}:${line}: imports ${specifier}; ${advice}`),
    );
}

const isOf = (name: string, specifier = "") =>
  specifier === name || specifier.startsWith(`${name}/`);

/** A handler table says who answers; deciding is for those who answer. */
export function checkHandlers(sources: Sources): Violation[] {
  const handlers = list(sources).filter(({ path }) => path.startsWith("handlers/"));
  const tell = (found: string) =>
    `${found} in a handler; handlers are one line per method, decide in the environment`;
  return findings(handlers, /\b(?:if|switch)\b/g, tell);
}

/** The helper starts for a single file operation: each package would be paid there every time. */
export function checkHelperGraph(sources: Sources): Violation[] {
  if (!sources.has(helper)) return [];
  const reached = reach(sources, [helper], ({ isType }) => !isType);
  return [...reached.keys()].flatMap((path) =>
    (sources.get(path)?.imports ?? [])
      .filter((imported) => !imported.isType && packageOf(imported) !== undefined)
      .map(
        ({ line, specifier }) =>
          `${path}:${line}: loads ${specifier} into the fs-helper, which loads no package ` +
          `(${wayTo(path, reached)}); import only types here, or move what is needed`,
      ),
  );
}

function wayTo(path: string, reached: ReadonlyMap<string, string | undefined>): string {
  const from = reached.get(path);
  return from === undefined ? path : `${wayTo(from, reached)} -> ${path}`;
}

const direct = /^environment\/local\/files\//;
const mayImportDirect = /^(?:environment\/local\/(?:file-system\.ts$|files\/)|fs-helper\/)/;

/** No way to the disk leads around the choice of a sandbox. */
export function checkDirectFileAccess(sources: Sources): Violation[] {
  return list(sources)
    .filter(({ path }) => !mayImportDirect.test(path))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => target !== undefined && direct.test(target))
        .map(
          ({ line, target }) =>
            `${path}:${line}: reaches the disk by ${target} around the sandbox; ` +
            "go through environment/local/file-system.ts",
        ),
    );
}

/** A file that no entry leads to is dead, and an import that leads nowhere is broken. */
export function checkReachability(sources: Sources): Violation[] {
  const reached = reach(sources, entries, () => true);
  const dead = [...sources.keys()]
    .filter((path) => !reached.has(path))
    .map((path) => `${path}: cannot be reached from ${entries.join(", ")}; import it or delete it`);
  return [...dead, ...list(sources).flatMap(brokenImports(sources))];
}

const brokenImports = (sources: Sources) => (source: Source) =>
  source.imports
    .filter(({ specifier, target }) => specifier === undefined || isMissing(sources, target))
    .map(({ line, specifier }) =>
      specifier === undefined
        ? `${source.path}:${line}: imports a computed name; write the name out`
        : `${source.path}:${line}: imports ${specifier}, which is not there; correct the name`,
    );

/** Only sources are known here; whatever else is imported, the compiler looks for. */
const isMissing = (sources: Sources, target = "") => target.endsWith(".ts") && !sources.has(target);
