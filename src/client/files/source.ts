import type { EventEmitter } from "node:events";
import { inspect } from "node:util";

/**
 * Gives the pieces of a stream to `write`. When the stream itself fails, its error is thrown as it
 * is: a missing file of this program is no missing file of the executor.
 */
export async function fromSource(
  content: unknown,
  write: (pieces: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  if (!isSource(content)) throw noContent(content);
  // A stream of Node may fail before its first piece is asked for, while the file is being opened.
  // Without a listener that would end the program.
  (content as Partial<EventEmitter>).on?.("error", () => {});
  let failure: { readonly error: unknown } | undefined;
  async function* pieces(source: AsyncIterable<Uint8Array>) {
    try {
      yield* source;
    } catch (error) {
      failure = { error };
      // Not the error itself, which would be made one of the file that is written.
      throw new Error("the source failed", { cause: error });
    }
  }
  try {
    await write(pieces(content));
  } catch (error) {
    throw failure ? failure.error : error;
  }
}

/** A stream that is locked, because somebody else reads it, gives nothing. */
const isSource = (content: unknown): content is AsyncIterable<Uint8Array> =>
  typeof content === "object" &&
  content !== null &&
  Symbol.asyncIterator in content &&
  !(content instanceof ReadableStream && content.locked);

const noContent = (content: unknown) =>
  new TypeError(`a file is written from text, a Uint8Array or an unlocked stream of Uint8Arrays, \
not from ${inspect(content, { depth: 0, maxArrayLength: 0, maxStringLength: 20 })}`);
