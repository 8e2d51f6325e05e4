import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

/** What authorizes the server itself is nobody else's business, whatever a client's policy says. */
const ownCredentials = ["CODEX_API_KEY", "CODEX_ACCESS_TOKEN"];

/**
 * The variables that commands may inherit: the server's own as they are now, with those of
 * `CODEX_HOME/.env` laid over them as the reference does, without the server's credentials.
 * Variables that are not UTF-8 are left out: they could only be passed on damaged.
 */
export function inheritableVariables(): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...process.env, ...homeVariables() })) {
    if (value === undefined || ownCredentials.includes(name) || isDamaged(name + value)) continue;
    variables[name] = value;
  }
  return variables;
}

/** Node decodes the environment as UTF-8 and puts U+FFFD where that fails. */
const isDamaged = (text: string) => text.includes("\uFFFD");

/** Of `CODEX_HOME/.env`; names that begin with CODEX_ are not for a file to set. */
function homeVariables(): NodeJS.Dict<string> {
  const { CODEX_HOME, HOME } = process.env;
  const home = CODEX_HOME ?? (HOME === undefined ? undefined : join(HOME, ".codex"));
  const entries = home === undefined ? [] : Object.entries(readVariables(join(home, ".env")));
  return Object.fromEntries(entries.filter(([name]) => !name.startsWith("CODEX_")));
}

function readVariables(path: string): NodeJS.Dict<string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    // There is no such file on most machines, and one that cannot be read is not ours to read.
    return {};
  }
  return parseEnv(text);
}
