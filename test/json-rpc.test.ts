import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import { base64PieceBytes, messageDepthMax, messageValuesMax } from "../src/limits.ts";
import { Base64Bytes } from "../src/protocol/base64.ts";
import { invalidRequest } from "../src/protocol/errors.ts";
import {
  errorFrame,
  eventFrame,
  type Frame,
  resultFrame,
  writeFrame,
} from "../src/protocol/frame.ts";
import { readMessage } from "../src/protocol/json-rpc.ts";

const idOf = (text: string) => {
  const message = readMessage(text);
  return message.kind === "request" ? message.id : message.kind;
};

describe("the id of a request goes back as the text it came in", () => {
  const rows: [string, string, string][] = [
    ["a small number", '{"id":7,"method":"m"}', "7"],
    ["zero", '{"id":0,"method":"m"}', "0"],
    ["a negative number", '{"id":-3,"method":"m"}', "-3"],
    ["a number above 2^53", '{"id":9007199254740993,"method":"m"}', "9007199254740993"],
    ["the largest u64", '{"id":18446744073709551615,"method":"m"}', "18446744073709551615"],
    ["a number behind other members", '{"method":"m","id":9007199254740993}', "9007199254740993"],
    ["white space everywhere", ' \n{ "id" : 5 ,\t"method" : "m" } ', "5"],
    ["a text", '{"id":"a b\\u00e9","method":"m"}', '"a bé"'],
    ["an empty text", '{"id":"","method":"m"}', '""'],
    ["an inner id that is not the request's", '{"params":{"id":1.5},"id":12,"method":"m"}', "12"],
    ["a text value that looks like an id", '{"method":"\\"id\\":9","id":4}', "4"],
  ];
  for (const [title, text, id] of rows) test(title, () => assert.equal(idOf(text), id));
});

describe("what is no request is malformed", () => {
  const rows: [string, string][] = [
    ["nothing", ""],
    ["half an object", '{"id":1,"method":'],
    ["trailing text", '{"id":1,"method":"m"} x'],
    ["a batch", '[{"id":1,"method":"m"}]'],
    ["null", "null"],
    ["a number", "42"],
    ["no method", '{"id":1}'],
    ["a method that is no text", '{"id":1,"method":5}'],
    ["an id of null", '{"id":null,"method":"m"}'],
    ["an id with a fraction", '{"id":1.5,"method":"m"}'],
    ["a whole number written as a fraction", '{"id":1.0,"method":"m"}'],
    ["an id in powers of ten", '{"id":1e3,"method":"m"}'],
    ["an id beyond 64 bits", '{"id":18446744073709551616,"method":"m"}'],
    ["an object as id", '{"id":{},"method":"m"}'],
    ["two different ids", '{"id":1,"method":"m","id":2}'],
    ["a trace that is no object", '{"id":1,"method":"m","trace":"x"}'],
    ["a trace of numbers", '{"id":1,"method":"m","trace":{"traceparent":1}}'],
  ];
  for (const [title, text] of rows) {
    test(title, () => assert.equal(readMessage(text).kind, "malformed"));
  }
});

test("nesting is taken up to its limit and refused beyond", () => {
  const nested = (levels: number) =>
    `{"id":1,"method":"m","params":${"[".repeat(levels)}${"]".repeat(levels)}}`;
  assert.equal(readMessage(nested(messageDepthMax - 1)).kind, "request");
  assert.equal(readMessage(nested(messageDepthMax)).kind, "malformed");
  assert.equal(readMessage(nested(200_000)).kind, "malformed");
});

test("values are counted up to their limit and refused beyond", () => {
  const filled = (values: number) => `{"id":1,"method":"m","params":[${"0,".repeat(values)}0]}`;
  assert.equal(readMessage(filled(messageValuesMax - 5)).kind, "request");
  assert.equal(readMessage(filled(messageValuesMax)).kind, "malformed");
});

test("a message without an id is a notification, one with a result a reply", () => {
  assert.deepEqual(readMessage('{"method":"initialized"}'), {
    kind: "notification",
    method: "initialized",
  });
  assert.deepEqual(readMessage('{"id":4,"result":{}}'), { kind: "reply" });
  assert.deepEqual(readMessage('{"id":4,"error":{"code":1,"message":""}}'), { kind: "reply" });
});

test("reading never throws, whatever the text", () => {
  fc.assert(fc.property(fc.string(), (text) => typeof readMessage(text).kind === "string"));
  fc.assert(
    fc.property(
      fc.json(),
      (json) => typeof readMessage(`{"id":1,"method":${json}}`).kind === "string",
    ),
  );
});

test("any 64-bit id survives, wherever it stands among the members", () => {
  const members = fc.shuffledSubarray(['"method":"m"', '"params":{"id":3}', '"x":"\\"id\\":1"'], {
    minLength: 3,
  });
  const ids = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n });
  fc.assert(
    fc.property(ids, members, fc.nat(3), (id, others, at) => {
      const text = `{${others.toSpliced(at, 0, `"id":${id}`).join(",")}}`;
      assert.equal(idOf(text), String(id));
    }),
  );
});

function parsed(frame: Frame): unknown {
  const memory = Buffer.alloc(frame.length + 6, "?");
  assert.equal(writeFrame(frame, memory, 3), frame.length + 3);
  assert.equal(
    memory.toString("latin1", 0, 3) + memory.toString("latin1", frame.length + 3),
    "??????",
  );
  return JSON.parse(memory.toString("utf8", 3, frame.length + 3));
}

test("answers and events are the JSON of what they say", () => {
  const base64 = Buffer.from("some bytes").toString("base64");
  assert.deepEqual(parsed(resultFrame("7", { a: "é" })), { id: 7, result: { a: "é" } });
  assert.deepEqual(parsed(resultFrame('"x"', { chunk: base64, eof: true }, "chunk")), {
    id: "x",
    result: { chunk: base64, eof: true },
  });
  assert.deepEqual(parsed(resultFrame("1", { dataBase64: "" }, "dataBase64")), {
    id: 1,
    result: { dataBase64: "" },
  });
  assert.deepEqual(
    parsed(eventFrame("process/output", { processId: 'ü"', chunk: base64 }, "chunk")),
    { method: "process/output", params: { processId: 'ü"', chunk: base64 } },
  );
  const chunks = [1, 2].map((seq) => ({ seq, stream: "stdout", chunk: base64 }));
  for (const list of [chunks, chunks.slice(1), []]) {
    const result = { chunks: list, failure: 'é"' };
    assert.deepEqual(parsed(resultFrame("2", result, { chunksOf: "chunks" })), { id: 2, result });
  }
  assert.deepEqual(parsed(errorFrame("-1", invalidRequest('say "no"'))), {
    id: -1,
    error: { code: -32600, message: 'say "no"' },
  });
});

test("bytes become base64 in their frame, whatever their number", () => {
  for (const length of [0, 1, 2, 3, 1000, base64PieceBytes, base64PieceBytes + 1, 1 << 20]) {
    const bytes = Buffer.alloc(length, "some bytes that differ");
    const chunk = bytes.toString("base64");
    const frame = resultFrame("1", { chunk: new Base64Bytes(bytes), eof: true }, "chunk");
    assert.deepEqual(parsed(frame), { id: 1, result: { eof: true, chunk } });
    assert.equal(JSON.stringify(new Base64Bytes(bytes)), JSON.stringify(chunk));
  }
});

test("bytes are given up once, when they are in their frame", () => {
  let releases = 0;
  const chunk = new Base64Bytes(Buffer.from("text"), () => releases++);
  const frame = resultFrame("1", { chunk }, "chunk");
  assert.equal(releases, 0);
  parsed(frame);
  assert.equal(releases, 1);
  assert.equal(chunk.toJSON(), "");
  assert.equal(releases, 1);
});
