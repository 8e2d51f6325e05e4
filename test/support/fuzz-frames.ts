/** Messages for a server, each with the answer that must come: none, or one under an id. */
import fc from "fast-check";
import type { Method } from "../../src/protocol/methods.ts";
import { type Json, oddValue, spoilt, validParams } from "./fuzz-params.ts";

export interface FuzzMessage {
  /** What is sent; `{id}` stands for an id that no other message of the connection has. */
  readonly text: string;
  /** `own`: one answer under its id. `-1`: one answer to something unreadable. */
  readonly answer: "own" | "-1" | "none";
  readonly idKind: "number" | "text" | "large";
  /** Into how many pieces the frame is cut. */
  readonly fragments: number;
  readonly binary: boolean;
}

const envelope = {
  idKind: fc.constantFrom("number" as const, "text" as const, "large" as const),
  fragments: fc.constantFrom(1, 1, 1, 2, 7),
  binary: fc.nat({ max: 9 }).map((at) => at === 0),
};

type Content = fc.Arbitrary<Pick<FuzzMessage, "text" | "answer">>;

function request(method: string, params: Json): Pick<FuzzMessage, "text" | "answer"> {
  const text = `"method":${JSON.stringify(method)},"params":${JSON.stringify(params)}}`;
  return { text: `{"id":{id},${text}`, answer: isTooDeep(`{${text}`) ? "-1" : "own" };
}

/** Requests of all methods, with good params and with spoilt ones. */
function requests(playground: string): Content {
  const methods = Object.entries(validParams(playground)) as [Method, fc.Arbitrary<Json>][];
  return fc
    .oneof(...methods.map(([method, params]) => fc.tuple(fc.constant(method), params)))
    .chain(([method, params]) =>
      fc.oneof(
        { weight: 3, arbitrary: fc.constant(request(method, params)) },
        {
          weight: 2,
          arbitrary: fc
            .tuple(fc.nat({ max: 40 }), oddValue)
            .map(([at, odd]) => request(method, spoilt(params, at, odd))),
        },
      ),
    );
}

/** More than 128 levels, the message itself being the first. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let deepest = 0;
  for (const bracket of text.replace(/"(?:[^"\\]|\\.)*"/g, "").match(/[[{\]}]/g) ?? []) {
    depth += bracket === "[" || bracket === "{" ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest > 128;
}

const unknownMethods: Content = fc
  .tuple(
    fc.constantFrom(
      "",
      "toString",
      "__proto__",
      "fs/",
      "process/start ",
      "\u0000",
      "x".repeat(1e5),
    ),
    oddValue,
  )
  .map(([method, params]) => request(method, params));

const unreadable: Content = fc
  .oneof(
    fc.constantFrom("", "{", "null", "[]", "1", '"x"', "{}", "\u0000", "nul", '{"id":1}', "[{}]"),
    fc.constantFrom(
      '{"id":null,"method":"environment/status"}',
      '{"id":1.5,"method":"environment/status"}',
      '{"id":{"a":1},"method":"environment/status"}',
      '{"id":99999999999999999999999,"method":"environment/status"}',
      '{"id":1,"method":5}',
      '{"id":1,"method":"environment/status","trace":5}',
      '{"method":["initialized"]}',
    ),
    fc.constantFrom("[".repeat(200_000), `${"[".repeat(5000)}${"]".repeat(5000)}`),
    fc.constant(`{"id":1,"method":"x","params":[${"1,".repeat(270_000)}1]}`),
    fc.string({ maxLength: 60 }).map((text) => `?${text}`),
  )
  .map((text) => ({ text, answer: "-1" as const }));

const unanswered: Content = fc
  .constantFrom(
    '{"method":"initialized"}',
    '{"method":"initialized","params":5}',
    '{"method":"no/such/notification","params":{}}',
    '{"id":1,"result":{}}',
    '{"id":1,"error":{"code":1,"message":"x"}}',
  )
  .map((text) => ({ text, answer: "none" as const }));

export const fuzzMessage = (playground: string): fc.Arbitrary<FuzzMessage> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 12, arbitrary: requests(playground) },
        { weight: 1, arbitrary: unknownMethods },
        { weight: 2, arbitrary: unreadable },
        { weight: 1, arbitrary: unanswered },
      ),
      fc.record(envelope),
    )
    .map(([content, sending]) => ({ ...content, ...sending }));
