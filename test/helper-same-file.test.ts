import assert from "node:assert/strict";
import { test } from "node:test";
import { workshop } from "./support/helper-workshop.ts";

const dataBase64 = Buffer.from("text").toString("base64");

test("connections can write the same new file at the same time", async (t) => {
  const { sandbox, policy, file } = workshop(t);
  const calls = [1, 2, 3, 4].map(() => sandbox.files().call(policy));
  const rounds = 60;
  const writes = Array.from({ length: rounds }, (_, round) =>
    calls.map((call) => call("fs/writeFile", { path: file(`new-${round}`), dataBase64 })),
  );
  assert.deepEqual(await Promise.all(writes.flat()), Array(rounds * calls.length).fill({}));
});
