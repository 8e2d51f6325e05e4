import { findFunctions } from "./architecture-functions.ts";
import type { Source, Sources, Violation } from "./architecture-sources.ts";
import { lineAt } from "./architecture-text.ts";

const fileLinesMax = 250;
const functionLinesMax = 40;
const lineColumnsMax = 100;
const parametersMax = 3;
const textColumnsMax = 120;

const forEach = (check: (source: Source) => Violation[]) => (sources: Sources) =>
  [...sources.values()].flatMap(check);

export const checkFileLengths = forEach(({ path, text }) => {
  const count = text.replace(/\n$/, "").split("\n").length;
  // The list of all bounds is looked up, not read.
  if (count <= fileLinesMax || path === "limits.ts") return [];
  return [`${path}: has ${count} lines of ${fileLinesMax}; move what is a subject of its own`];
});

/** What a person reads is not broken for the sake of a column: texts, patterns, lines of help. */
const holdsText = (line: string) =>
  !/^\s*(?:\/\/|\/?\*)/.test(line) && line.length <= textColumnsMax;

export const checkLineLengths = forEach(({ path, text }) =>
  text.split("\n").flatMap((line, index) => {
    const columns = [...line].length;
    if (columns <= lineColumnsMax || holdsText(line)) return [];
    return [`${path}:${index + 1}: has ${columns} columns of ${lineColumnsMax}; break the line`];
  }),
);

export const checkFunctions = forEach(({ path, code }) =>
  findFunctions(code).flatMap(({ line, lines, parameters }) => {
    const where = `${path}:${line}`;
    const tooLong = `${where}: function of ${lines} lines of ${functionLinesMax}; name its parts`;
    const tooMany = `${where}: ${parameters} parameters of ${parametersMax}; take one object`;
    return [
      ...(lines > functionLinesMax ? [tooLong] : []),
      ...(parameters > parametersMax ? [tooMany] : []),
    ];
  }),
);

interface Ban {
  readonly pattern: RegExp;
  readonly advice: string;
  /** Files for which it holds; all when absent. */
  readonly where?: (path: string) => boolean;
  /** Look into comments and strings too. */
  readonly everywhere?: boolean;
}

const bans: readonly Ban[] = [
  { pattern: /\bexport\s+default\b|\bas\s+default\b/g, advice: "export it by its name" },
  { pattern: /\bexport\s*(?:type\s*)?\*/g, advice: "import the file that has what you need" },
  {
    pattern: /(?<![.\w$])any\b(?!\s*[:(?=])|\bz\s*\.\s*any\b/g,
    advice: "say the type, or unknown",
  },
  {
    pattern: /^[ \t]*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w+/gm,
    advice: "use a union of strings",
  },
  {
    pattern: /^[ \t]*(?:export\s+)?(?:declare\s+)?(?:namespace|module)\s+[\w."' ]+\{/gm,
    advice: "a file is a module already",
  },
  {
    pattern: /\bconsole\s*\./g,
    advice: "report to the caller; only commands/ print",
    where: (path) => !path.startsWith("commands/"),
  },
  {
    pattern: /\b(?:TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b/g,
    advice: "finish it, or say what is so and why",
    everywhere: true,
  },
  {
    pattern: /(?<![\w.-])\/(?:work|root|farm)\/|\/Users\/\w/g,
    advice: "no path of one machine; make it relative or temporary",
    everywhere: true,
  },
];

export const checkBans = forEach((source) => bans.flatMap((ban) => findBanned(source, ban)));

function findBanned({ path, text, code }: Source, ban: Ban): Violation[] {
  if (ban.where?.(path) === false) return [];
  const searched = ban.everywhere ? text : code;
  return [...searched.matchAll(ban.pattern)].map(
    (match) => `${path}:${lineAt(searched, match.index)}: ${match[0].trim()}; ${ban.advice}`,
  );
}

export const checkFileNames = forEach(({ path }) => {
  const advice = "name the file after what is in it, and import that file";
  return /(?:^|\/)index\.ts$/.test(path) ? [`${path}: is called index.ts; ${advice}`] : [];
});
