import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import {
  childEnvironment,
  type EnvPolicy,
  type Variables,
} from "../src/environment/local/spawn/start/child-env.ts";

/** What is expected of one policy: `inherited` names keep their value, `others` have a new one. */
interface PolicyCase {
  readonly title: string;
  readonly executorEnv?: Variables;
  readonly executorEnvMore?: Variables;
  readonly policy?: Partial<EnvPolicy> | null;
  readonly overlay?: Variables;
  readonly inherited: string;
  readonly others?: Variables;
}

const table: { executorEnv: Variables; cases: PolicyCase[] } = JSON.parse(
  readFileSync(new URL("support/env-policy-cases.json", import.meta.url), "utf8"),
);

const openPolicy: EnvPolicy = {
  inherit: "all",
  ignoreDefaultExcludes: false,
  exclude: [],
  set: {},
  includeOnly: [],
};

function check(row: PolicyCase): void {
  const executorEnv = row.executorEnv ?? { ...table.executorEnv, ...row.executorEnvMore };
  const kept = row.inherited.split(" ").filter(Boolean);
  const expected = {
    ...Object.fromEntries(kept.map((name) => [name, executorEnv[name]])),
    ...row.others,
  };
  const policy = row.policy && { ...openPolicy, ...row.policy };
  assert.deepEqual(childEnvironment({ executorEnv, policy, overlay: row.overlay ?? {} }), expected);
}

assert.equal(table.cases.length, 42);
for (const row of table.cases) {
  test(`environment of a process: ${row.title}`, () => check(row));
}

const name = fc.oneof(
  fc.constantFrom("PATH", "home", "API_KEY", "my_Token", "FOO", "__proto__", "constructor"),
  fc.string({ maxLength: 6 }),
);
const variables = fc
  .array(fc.tuple(name, fc.string({ maxLength: 4 })), { maxLength: 12 })
  .map((entries): Variables => Object.fromEntries(entries));
const pattern = fc.oneof(
  name,
  fc.array(fc.constantFrom("*", "?", "A", "o", "F"), { maxLength: 6 }).map((part) => part.join("")),
);
const policy: fc.Arbitrary<EnvPolicy> = fc.record({
  inherit: fc.constantFrom("all", "core", "none"),
  ignoreDefaultExcludes: fc.boolean(),
  exclude: fc.array(pattern, { maxLength: 4 }),
  set: variables,
  includeOnly: fc.array(pattern, { maxLength: 3 }),
});

/** The same patterns said in another way: as a regular expression. */
function matches(text: string, patterns: readonly string[]): boolean {
  return patterns.some((each) => {
    const source = Array.from(each, (character) => {
      if (character === "*") return "[^]*";
      return character === "?" ? "[^]" : `\\u{${character.codePointAt(0)?.toString(16)}}`;
    });
    return each !== "" && new RegExp(`^${source.join("")}$`, "iu").test(text);
  });
}

test("the overlay always wins and is never filtered", () => {
  fc.assert(
    fc.property(variables, policy, variables, (executorEnv, policy, overlay) => {
      const result = childEnvironment({ executorEnv, policy, overlay });
      for (const [key, value] of Object.entries(overlay)) {
        assert.equal(Object.getOwnPropertyDescriptor(result, key)?.value, value);
      }
    }),
  );
});

test("nothing that is excluded survives, unless it was set again", () => {
  fc.assert(
    fc.property(variables, policy, (executorEnv, policy) => {
      const credentials = policy.ignoreDefaultExcludes ? [] : ["*KEY*", "*SECRET*", "*TOKEN*"];
      const result = childEnvironment({ executorEnv, policy, overlay: {} });
      for (const key of Object.keys(result)) {
        if (Object.hasOwn(policy.set, key)) continue;
        assert.ok(!matches(key, [...credentials, ...policy.exclude]), key);
      }
    }),
  );
});

test("with includeOnly nothing but what it names survives", () => {
  fc.assert(
    fc.property(variables, policy, (executorEnv, policy) => {
      fc.pre(policy.includeOnly.length > 0);
      const result = childEnvironment({ executorEnv, policy, overlay: {} });
      assert.ok(Object.keys(result).every((key) => matches(key, policy.includeOnly)));
    }),
  );
});

test("a policy that drops nothing keeps everything", () => {
  fc.assert(
    fc.property(variables, variables, (executorEnv, set) => {
      const policy = { ...openPolicy, ignoreDefaultExcludes: true, set };
      const expected = Object.fromEntries([...Object.entries(executorEnv), ...Object.entries(set)]);
      assert.deepEqual(childEnvironment({ executorEnv, policy, overlay: {} }), expected);
    }),
  );
});

test("every value comes from the overlay, from set or from the executor, in this order", () => {
  fc.assert(
    fc.property(variables, policy, variables, (executorEnv, policy, overlay) => {
      const result = childEnvironment({ executorEnv, policy, overlay });
      for (const [key, value] of Object.entries(result)) {
        const source = [overlay, policy.set, executorEnv].find((each) => Object.hasOwn(each, key));
        assert.equal(Object.getOwnPropertyDescriptor(source ?? {}, key)?.value, value);
      }
    }),
  );
});

test("a pattern full of stars is answered at once", () => {
  const exclude = [`${"*a".repeat(200)}*b`];
  const executorEnv = { ["a".repeat(2000)]: "kept" };
  assert.deepEqual(
    childEnvironment({ executorEnv, policy: { ...openPolicy, exclude }, overlay: {} }),
    executorEnv,
  );
});
