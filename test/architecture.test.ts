import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { jointChecks, sourceChecks, styleChecks } from "./support/architecture.ts";
import { inFolder } from "./support/architecture-exports.ts";
import { readSources, type Violation } from "./support/architecture-sources.ts";

const read = (folder: string) => readSources(fileURLToPath(new URL(folder, import.meta.url)));
const program = read("../src");
const tests = read(".");

/** One violation a line, as a compiler would list them. */
function assertNone(violations: readonly Violation[]): void {
  if (violations.length > 0) assert.fail(`\n${violations.join("\n")}\n`);
}

test("the sources that are checked are those of the program and of its tests", () => {
  assert.ok(program.has("commands/main.ts"));
  assert.ok(tests.has("architecture.test.ts"));
});

for (const [rule, check] of Object.entries({ ...styleChecks, ...sourceChecks })) {
  test(`in the program, ${rule}`, () => assertNone(check(program)));
}

for (const [rule, check] of Object.entries(styleChecks)) {
  test(`in the tests, ${rule}`, () => assertNone(check(tests)));
}

for (const [rule, check] of Object.entries(jointChecks)) {
  test(`in the program and the tests, ${rule}`, () =>
    assertNone(check(new Map([...inFolder("src", program), ...inFolder("test", tests)]))));
}
