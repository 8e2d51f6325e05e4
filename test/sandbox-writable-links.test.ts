import assert from "node:assert/strict";
import { readFileSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import { Ground, secret } from "./support/escape-ground.ts";
import { place, uri, workspaceWrite } from "./support/sandboxes.ts";

async function onGround(work: (ground: Ground) => Promise<void>): Promise<void> {
  const ground = new Ground();
  try {
    await work(ground);
  } finally {
    await ground.clear();
  }
}

test("a link put where a missing place may be written opens nothing to what comes next", () =>
  onGround(async (ground) => {
    const sandbox = workspaceWrite(ground.at("ws"), place(ground.at("ws/.git"), "write"));
    const linked = await ground.shell("ln -s $OUT .git && echo linked", sandbox);
    assert.match(linked, /linked/);
    const next = ground.shell("echo planted > $OUT/f", sandbox);
    await assert.rejects(next, /cannot enforce sandbox writable path .* crosses writable symlink/);
    const path = uri(ground.at("outside/f"));
    await assert.rejects(ground.files(sandbox).writeFile({ path, dataBase64: "" }), /crosses/);
    assert.equal(readFileSync(ground.at("outside/f"), "utf8"), secret);
  }));

test("a link in the workspace may name what is granted by its own name too", () =>
  onGround(async (ground) => {
    symlinkSync(ground.at("outside"), ground.at("ws/.git"));
    const granted = ["ws/.git", "outside"].map((name) => place(ground.at(name), "write"));
    const sandbox = workspaceWrite(ground.at("ws"), ...granted);
    const text = await ground.shell("echo changed > .git/f && echo written", sandbox);
    assert.match(text, /written/);
    assert.equal(readFileSync(ground.at("outside/f"), "utf8"), "changed\n");
  }));
