import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DecodedBase64, decodeBase64 } from "../src/protocol/base64.ts";
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

  for (const [member, method] of [
    ["chunk", "fs/writeBlock"],
    ["dataBase64", "fs/writeFile"],
  ] as const) {
    const request = (text: string) =>
      `{"id":1,"method":"${method}","params":{"path":"p","${member}":"${text}"}}`;
    const members = (text: string) => {
      const message = readFrame(Buffer.from(request(text)));
      assert.equal(message.kind, "request");
      return (message as { params: Record<string, unknown> }).params;
    };

    test(`content for ${method} comes as bytes, and goes on as the same text`, () => {
      const bytes = fc.uint8Array({ minLength: 30_000, maxLength: 200_000 });
      fc.assert(
        fc.property(bytes, (content) => {
          const params = members(Buffer.from(content).toString("base64"));
          assert.ok(params[member] instanceof DecodedBase64);
          assert.deepEqual(params[member].bytes, Buffer.from(content));
          assert.deepEqual(
            JSON.parse(JSON.stringify(params)),
            JSON.parse(request(Buffer.from(content).toString("base64"))).params,
          );
        }),
        { numRuns: 20 },
      );
    });

    test(`what is no base64 stays the text that it is for ${method}`, () => {
      const text = Buffer.alloc(200_000, "content").toString("base64");
      const spoilt = fc.tuple(fc.nat(text.length - 1), fc.constantFrom("-", "_", "=", " ", "~"));
      fc.assert(
        fc.property(spoilt, ([at, wrong]) => {
          const invalid = text.slice(0, at) + wrong + text.slice(at + 1);
          // The last two chars may well be padding.
          fc.pre(invalid !== text && !(wrong === "=" && at >= text.length - 2));
          assert.equal(members(invalid)[member], invalid);
          assert.throws(() => decodeBase64(invalid));
        }),
      );
      assert.equal(members(text.slice(0, -1))[member], text.slice(0, -1));
    });
  }

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
