import { Buffer } from "node:buffer";
import type { Base64 } from "./base64.ts";
import type { RpcError } from "./errors.ts";
import { WrittenResult } from "./written-result.ts";

/**
 * One outgoing message, as parts that alternate between JSON and ASCII. The ASCII parts are base64
 * and long lists of names.
 */
export interface Frame {
  /** In bytes. */
  readonly length: number;
  readonly parts: readonly Base64[];
}

export const errorFrame = (id: string, error: RpcError): Frame =>
  frameOf([
    `{"error":{"code":${error.code},"message":${JSON.stringify(error.message)}},"id":${id}}`,
  ]);

/** Where a body holds base64: in this member, or in the member `chunk` of each item of a list. */
export type Bulk = string | { readonly chunksOf: string };

export function resultFrame(id: string, result: object, bulk?: Bulk): Frame {
  const head = `{"id":${id},"result":`;
  // Joining the parts would copy 800 KB once more, which takes 0.5 ms.
  if (result instanceof WrittenResult) return frameOf([head, "", ...result.parts(), "", "}"]);
  return frameAround(head, result, bulk);
}

export function eventFrame(event: string, params: object, bulk?: Bulk): Frame {
  return frameAround(`{"method":"${event}","params":`, params, bulk);
}

interface Output {
  readonly processId: string;
  readonly seq: number;
  readonly stream: string;
  /** In base64. */
  readonly chunk: string;
}

/**
 * Makes the frame of the most frequent event. Writing it member by member, as for other events,
 * takes three times as long.
 */
export function outputFrame({ processId, seq, stream, chunk }: Output): Frame {
  const head =
    `{"method":"process/output","params":{"processId":${JSON.stringify(processId)},` +
    `"seq":${seq},"stream":"${stream}","chunk":"`;
  return { length: Buffer.byteLength(head) + chunk.length + 3, parts: [head, chunk, '"}}'] };
}

/**
 * Writes the message, only once, and returns where it ends. Base64 needs no escaping, so it is
 * copied: JSON.stringify followed by encoding as UTF-8 takes five times as long for 64 KiB, and
 * would halve the output rate.
 */
export function writeFrame({ parts }: Frame, memory: Buffer, start: number): number {
  let at = start;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] ?? "";
    if (typeof part !== "string") at += part.writeTo(memory, at);
    else at += memory.write(part, at, index % 2 === 0 ? "utf8" : "latin1");
  }
  return at;
}

function frameAround(head: string, body: object, bulk: Bulk | undefined): Frame {
  if (bulk === undefined) return frameOf([`${head}${JSON.stringify(body)}}`]);
  if (typeof bulk === "string") {
    const [json, base64] = withoutBulk(head, body, bulk);
    return frameOf([json, base64, '"}}']);
  }
  const { [bulk.chunksOf]: chunks, ...rest } = body as Record<string, unknown>;
  const opened = `${head}${openedObject(rest)}"${bulk.chunksOf}":[`;
  const pieces = (chunks as object[]).flatMap((chunk, at) =>
    withoutBulk(at === 0 ? opened : '"},', chunk, "chunk"),
  );
  return frameOf(pieces.length === 0 ? [`${opened}]}}`] : [...pieces, '"}]}}']);
}

function frameOf(parts: readonly Base64[]): Frame {
  let length = 0;
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index] ?? "";
    const isJson = typeof part === "string" && index % 2 === 0;
    length += isJson ? Buffer.byteLength(part) : part.length;
  }
  return { length, parts };
}

/** Splits a body into its JSON and its base64, which becomes the last member. */
function withoutBulk(head: string, body: object, bulk: string): [json: string, base64: Base64] {
  const members = body as Record<string, unknown>;
  let json = `${head}{`;
  // Copying the object without that member takes longer than all of this.
  for (const name in members) {
    const value = name === bulk ? undefined : members[name];
    if (value !== undefined) json += `${JSON.stringify(name)}:${JSON.stringify(value)},`;
  }
  return [`${json}"${bulk}":"`, members[bulk] as Base64];
}

function openedObject(members: object): string {
  const json = JSON.stringify(members);
  return json === "{}" ? "{" : `${json.slice(0, -1)},`;
}
