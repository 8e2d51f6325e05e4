import { posix } from "node:path";
import {
  type Import,
  packageOf,
  type Source,
  type Sources,
  type Violation,
} from "./architecture-sources.ts";

interface Room {
  /** What lies in it: a folder, or a single file. */
  readonly place: RegExp;
  /** Rooms it may import at run time. */
  readonly uses?: readonly string[];
  /** Rooms of which it may import types only. */
  readonly types?: readonly string[];
  /** Single files besides. */
  readonly files?: RegExp;
  readonly packages?: readonly string[];
}

/** The rooms of the house and who may import whom. A room that is not named is out of reach. */
const rooms: Readonly<Record<string, Room>> = {
  limits: { place: /^limits\.ts$/ },
  protocol: { place: /^protocol\//, uses: ["limits"], packages: ["zod"] },
  async: { place: /^async\//, uses: ["limits"] },
  system: { place: /^system\//, uses: ["async", "protocol", "limits"] },
  environment: { place: /^environment\/[^/]+$/, types: ["protocol"] },
  "environment/remote": {
    place: /^environment\/remote\//,
    uses: ["environment", "limits"],
    types: ["protocol"],
  },
  sandbox: {
    place: /^sandbox\//,
    uses: ["system", "async", "protocol", "limits"],
    // The bundler makes the helper one file in a checkout that is not built.
    packages: ["execa", "esbuild"],
  },
  "environment/local": {
    place: /^environment\/local\//,
    uses: [
      ...["environment", "environment/remote", "sandbox", "system", "async", "protocol"],
      "limits",
    ],
    packages: ["koffi", "undici"],
  },
  handlers: { place: /^handlers\//, types: ["environment", "protocol"] },
  /** What the published package begins with, and what it loads when this machine is asked for. */
  library: {
    place: /^client\/(?:library|local-machine)\.ts$/,
    uses: ["client", "environment/local", "protocol"],
    files: /^\.\.\/package\.json$/,
  },
  client: {
    place: /^client\//,
    uses: ["environment/remote", "environment", "async", "protocol", "limits"],
    packages: ["ws", "smol-toml"],
  },
  server: {
    place: /^server\//,
    uses: ["handlers", "environment/local", "environment", "system", "async", "protocol", "limits"],
    packages: ["ws", "uuid", "jose", "prom-client"],
  },
  "fs-helper": {
    place: /^fs-helper\//,
    uses: ["system", "limits"],
    types: ["environment", "protocol"],
    files: new RegExp(
      "^(?:handlers/file-system|sandbox/policy/access|environment/local/files/[\\w/-]+|" +
        "protocol/(?:errors|path-uri|base64|fs-helper|line-buffer|written-result))\\.ts$",
    ),
  },
  commands: {
    place: /^commands\//,
    uses: ["server", "client", "fs-helper", "environment/local", "async", "limits"],
    files: /^\.\.\/package\.json$/,
    packages: ["commander", "pino"],
  },
};

const roomOf = (path: string) => Object.keys(rooms).find((name) => rooms[name]?.place.test(path));

/** Every file lies in a room, and imports only what the room may. */
export function checkRooms(sources: Sources): Violation[] {
  return [...sources.values()].flatMap((source) => {
    const name = roomOf(source.path);
    if (name === undefined) {
      return [
        `${source.path}: lies in no room; move it into one of ${Object.keys(rooms).join(", ")}`,
      ];
    }
    return source.imports.flatMap((imported) => checkImport(source, name, imported));
  });
}

function checkImport(source: Source, roomName: string, imported: Import): Violation[] {
  const room = rooms[roomName];
  const where = `${source.path}:${imported.line}`;
  const name = packageOf(imported);
  if (name !== undefined && !room?.packages?.includes(name)) {
    return [`${where}: ${roomName} may not load the package ${name}; ${allowance(roomName)}`];
  }
  if (imported.target === undefined) return [];
  const target = roomOf(imported.target);
  if (target === roomName || room?.files?.test(imported.target)) return [];
  if (target !== undefined && room?.uses?.includes(target)) return [];
  if (target !== undefined && room?.types?.includes(target)) {
    if (imported.isType) return [];
    return [`${where}: ${roomName} may import only types of ${target}; write import type`];
  }
  return [`${where}: ${roomName} may not import ${imported.target}; ${allowance(roomName)}`];
}

function allowance(roomName: string): string {
  const { uses = [], types = [], packages = [] } = rooms[roomName] ?? {};
  const allowed = [...uses, ...types.map((type) => `types of ${type}`), ...packages];
  return `it may import ${allowed.join(", ") || "nothing"}`;
}

/** Rooms form layers: no room is needed, through others, by a room that it needs itself. */
export const checkRoomCycles = (sources: Sources) => circleOf("rooms", sources, roomOf);

/** So do the folders, those within a room, too. */
export const checkFolderCycles = (sources: Sources) => circleOf("folders", sources, posix.dirname);

type PartOf = (path: string) => string | undefined;

function circleOf(parts: string, sources: Sources, partOf: PartOf): Violation[] {
  const needs = needsOf(sources, partOf);
  for (const start of needs.keys()) {
    const circle = findCircle(needs, [start]);
    if (circle) {
      return [`${parts} ${circle.join(" -> ")}: form a circle; turn one of these imports around`];
    }
  }
  return [];
}

function needsOf(sources: Sources, partOf: PartOf): Map<string, Set<string>> {
  const needs = new Map<string, Set<string>>();
  for (const { path, imports } of sources.values()) {
    const from = partOf(path);
    for (const { target } of imports) {
      const to = target === undefined ? undefined : partOf(target);
      if (from === undefined || to === undefined || from === to) continue;
      needs.set(from, (needs.get(from) ?? new Set()).add(to));
    }
  }
  return needs;
}

function findCircle(needs: Map<string, Set<string>>, way: string[]): string[] | undefined {
  for (const next of needs.get(way.at(-1) ?? "") ?? []) {
    if (next === way[0]) return [...way, next];
    if (way.includes(next)) continue;
    const circle = findCircle(needs, [...way, next]);
    if (circle) return circle;
  }
  return undefined;
}
