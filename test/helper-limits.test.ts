import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { workshop } from "./support/helper-workshop.ts";
import { withLongerLimits } from "./support/longer-limits.ts";
import { standStill } from "./support/standing-still.ts";

const dataBase64 = Buffer.from("text").toString("base64");

test("a worker that does not answer is given up after a time, and replaced", (t) =>
  withLongerLimits(300, async (operationMs) => {
    const hanging = 'read -r line; echo \'{"status":"ok","payload":{}}\'; exec sleep 60';
    const script = `[ -e $0.once ] || { : > $0.once; ${hanging}; }\nexec $REAL "$@"`;
    const { sandbox, policy, file } = workshop(t, { script, limits: { operationMs } });
    const call = sandbox.files().call(policy);
    const write = () => call("fs/writeFile", { path: file("a"), dataBase64 });
    const message = new RegExp(`no answer within ${operationMs / 1000} s`);
    await assert.rejects(write(), { code: -32603, message });
    await write();
  }));

test("a worker that answered while nobody looked is not given up", (t) =>
  withLongerLimits(500, async (operationMs) => {
    const { sandbox, policy, at, file, launches } = workshop(t, { limits: { operationMs } });
    writeFileSync(at("ws/a"), "text");
    const call = sandbox.files().call(policy);
    const look = () => call("fs/getMetadata", { path: file("a") });
    await look();
    // What is due comes next from here, before what has come.
    await setImmediate();
    const looked = look();
    standStill(2 * operationMs);
    assert.deepEqual([(await looked).size, launches()], [4, 1]);
  }));

test("a bwrap that hangs fails the operation after a time", async (t) => {
  const { sandbox, policy, file } = workshop(t, {
    script: "exec sleep 60",
    limits: { startMs: 300 },
  });
  const write = sandbox.files().call(policy)("fs/writeFile", { path: file("a"), dataBase64 });
  await assert.rejects(write, { code: -32603, message: /no answer within 0\.3 s/ });
});
