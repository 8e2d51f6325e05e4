import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

/** The server's own credentials, which no command gets whatever a client's policy says. */
const ownCredentials = ["CODEX_API_KEY", "CODEX_ACCESS_TOKEN"];

/**
 * The variables that commands may inherit: the server's current ones, overridden by those of
 * `CODEX_HOME/.env` as in the reference, without the server's credentials. Variables that are not
 * UTF-8 are left out, because they would be passed on damaged.
 */
export function inheritableVariables(): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...process.env, ...homeVariables() })) {
    if (value === undefined || ownCredentials.includes(name) || isDamaged(name + value)) continue;
    variables[name] = value;
  }
  return variables;
}

/** Node decodes the environment as UTF-8, and puts U+FFFD for invalid bytes. */
const isDamaged = (text: string) => text.includes("\uFFFD");

/** The variables of `CODEX_HOME/.env`. It may not set names that begin with CODEX_. */
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
    // Most machines have no such file; one that cannot be read is ignored.
    return {};
  }
  return parseEnv(text);
}
