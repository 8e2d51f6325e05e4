/** Denials by pattern. `*` and `?` stay within a name, `**` crosses directories. */

/** The expression that matches whole paths (one char per byte) of an absolute glob `pattern`. */
export function globExpression(pattern: string): RegExp {
  let source = "";
  for (let at = 0; at < pattern.length; ) {
    const [piece, length] = translated(pattern, at);
    source += piece;
    at += length;
  }
  return new RegExp(`^${source}$`, "s");
}

/** The directory below which every match lies: what stands before the first special character. */
export function globBase(pattern: string): string {
  const literal = /^[^*?[{]*/.exec(pattern)?.[0] ?? "";
  return literal.slice(0, literal.lastIndexOf("/")) || "/";
}

/** The expression for what stands at `at`, and how many characters of the pattern that is. */
function translated(pattern: string, at: number): [string, number] {
  if (pattern.startsWith("**/", at)) return ["(?:[^/]*/)*", 3];
  if (pattern.startsWith("**", at)) return [".*", 2];
  const char = pattern.charAt(at);
  if (char === "*") return ["[^/]*", 1];
  if (char === "?") return ["[^/]", 1];
  if (char === "[") return translatedSet(pattern, at);
  if (char === "{") return translatedChoice(pattern, at);
  return [literal(char), 1];
}

/** `[a-z]`, `[!a]`; a bracket without its end stands for itself. */
function translatedSet(pattern: string, at: number): [string, number] {
  const set = /^\[([!^]?)(\]?[^\]]*)\]/.exec(pattern.slice(at));
  if (!set?.[2]) return ["\\[", 1];
  const members = set[2].replace(/[\\\]^[]/g, "\\$&");
  return [`(?!/)[${set[1] ? "^" : ""}${members}]`, set[0].length];
}

/** `{a,b}`; a brace without its end stands for itself. */
function translatedChoice(pattern: string, at: number): [string, number] {
  const choice = /^\{([^{}]*)\}/.exec(pattern.slice(at));
  if (choice?.[1] === undefined) return ["\\{", 1];
  const options = choice[1].split(",").map((option) => globExpression(option).source.slice(1, -1));
  return [`(?:${options.join("|")})`, choice[0].length];
}

function literal(char: string): string {
  return char.replace(/[\\^$.|+()*?[\]{}]/g, "\\$&");
}
