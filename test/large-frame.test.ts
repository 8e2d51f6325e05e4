import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readMessage } from "../src/protocol/json-rpc.ts";
import { readFrame } from "../src/protocol/large-frame.ts";

const large = Buffer.alloc(60_000, 7).toString("base64");

function check(text: string): void {
  assert.deepEqual(readFrame(Buffer.from(text)), readMessage(text));
}

describe("a frame with a large text is read as any other", () => {
  const rows: [string, string][] = [
    ["its content", `{"id":1,"method":"m","params":{"path":"p","dataBase64":"${large}"}}`],
    ["the text before all else", `{"params":{"chunk":"${large}","path":"é"},"id":2,"method":"m"}`],
    ["blanks around it", `{"id":1,"method":"m","params":{"chunk" : "${large}" , "len":1}}`],
    ["no base64 member", `{"id":1,"method":"m","params":{"path":"${large}"}}`],
    ["a member of something deeper", `{"id":1,"method":"m","params":{"a":{"chunk":"${large}"}}}`],
    ["a method", `{"id":1,"method":"${large}","params":{"chunk":""}}`],
    ["a notification", `{"method":"m","params":{"chunk":"${large}"}}`],
    ["two large texts", `{"id":1,"method":"m","params":{"a":"${large}","chunk":"${large}"}}`],
    ["the same member twice", `{"id":1,"method":"m","params":{"chunk":"${large}","chunk":"x"}}`],
    ["twice the other way", `{"id":1,"method":"m","params":{"chunk":"x","chunk":"${large}"}}`],
    ["escapes in it", `{"id":1,"method":"m","params":{"chunk":"${large}\\u0041\\""}}`],
    ["letters beyond ASCII", `{"id":1,"method":"m","params":{"chunk":"${large}é"}}`],
    ["a quote in a name", `{"id":1,"method":"m","params":{"a\\"chunk":"${large}"}}`],
    ["a gap between texts", `{"id":1,"method":"m","params":["a:",${" ".repeat(50_000)}",b"]}`],
    ["two ids", `{"id":1,"method":"m","params":{"chunk":"${large}"},"id":2}`],
    ["half of it missing", `{"id":1,"method":"m","params":{"chunk":"${large}`],
    ["params that are none", `{"id":1,"method":"m","params":"${large}"}`],
    ["nothing around it", `"${large}"`],
  ];
  for (const [title, text] of rows) test(title, () => check(text));

  test("whatever surrounds it", () => {
    const value = fc.oneof(fc.constant(large), fc.jsonValue());
    const params = fc.dictionary(fc.constantFrom("chunk", "dataBase64", "a", 'b"'), value);
    fc.assert(
      fc.property(params, fc.boolean(), (members, isIndented) =>
        check(JSON.stringify({ id: 1, method: "m", params: members }, null, isIndented ? 2 : 0)),
      ),
    );
  });
});
