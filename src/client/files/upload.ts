import type { FileSystem } from "../../environment/file-system.ts";
import { callRepeatsMax } from "../../limits.ts";
import { perform } from "../calls/perform.ts";
import { type BlockTarget, BlockWriter, type WrittenExtent } from "./block-writer.ts";
import {
  HandleLostError,
  openFile,
  type Place,
  unlessHandleLost,
  withHandle,
} from "./file-handle.ts";

type Bytes = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** A file to write, and its content. */
export interface Upload<T = Bytes> {
  readonly fileSystem: FileSystem;
  readonly place: Place;
  /** Whether a write can resume after a broken connection; capability `fileWriteResume`. */
  readonly canResume: boolean;
  readonly content: T;
  readonly signal: AbortSignal | undefined;
}

/**
 * Replaces a file by bytes in memory. Starts anew where it cannot resume after a broken connection.
 */
export async function replaceFile(upload: Upload<Uint8Array>): Promise<void> {
  const again = { ...upload, content: [upload.content] };
  for (let repeats = 0; repeats < callRepeatsMax; repeats++) {
    const written = await writeBlocks(again).then(
      () => true,
      (error) => void unlessHandleLost(error),
    );
    if (written) return;
  }
  await writeBlocks(again);
}

/**
 * Replaces a file by the content of a source, which is read once. When it is aborted, the file is
 * closed at once, and the source is left when it next yields.
 */
export async function writeBlocks(upload: Upload): Promise<void> {
  const { content, signal } = upload;
  signal?.throwIfAborted();
  const file = new UploadedFile(upload);
  await file.open();
  const blocks = new BlockWriter(file);
  const write = async () => {
    for await (const bytes of content) {
      signal?.throwIfAborted();
      if (!(bytes instanceof Uint8Array)) throw noPiece(bytes);
      await blocks.write(bytes);
    }
    await blocks.end();
  };
  try {
    await perform({ signal }, write);
  } finally {
    await file.close();
  }
}

const noPiece = (piece: unknown) =>
  new TypeError(`the stream gave what is no Uint8Array, but of type ${typeof piece}: a stream of \
text has to be encoded first`);

/**
 * A file that is being written. When its handle was lost, the file is opened again without
 * truncation. It must still be the same file, with a length that this upload can have made;
 * otherwise another program has changed it.
 */
class UploadedFile implements BlockTarget {
  readonly #upload: Upload;
  #handleId = "";
  #fileId: string | undefined;
  #resumedBytes = 0;
  #fruitlessResumes = 0;

  constructor(upload: Upload) {
    this.#upload = upload;
  }

  async open(): Promise<void> {
    this.#fileId = (await this.#open("replace"))?.id;
  }

  write(offset: number, chunk: string): Promise<unknown> {
    const { fileSystem, signal } = this.#upload;
    const block = { handleId: this.#handleId, offset, chunk };
    return withHandle(() => fileSystem.writeBlock(block, signal));
  }

  async resume(failure: unknown, { answeredBytes, sentBytes }: WrittenExtent): Promise<void> {
    unlessHandleLost(failure);
    this.#fruitlessResumes = answeredBytes > this.#resumedBytes ? 0 : this.#fruitlessResumes + 1;
    this.#resumedBytes = answeredBytes;
    if (this.#fileId === undefined || this.#fruitlessResumes > callRepeatsMax) throw failure;
    const file = await withHandle(() => this.#open("resume"));
    const { id, size = 0 } = file ?? {};
    if (id === this.#fileId && size >= answeredBytes && size <= sentBytes) return;
    const text = "the file was changed by somebody else while the connection was broken";
    throw new HandleLostError(text, { cause: failure });
  }

  async close(): Promise<void> {
    await this.#upload.fileSystem.close({ handleId: this.#handleId });
  }

  async #open(mode: "replace" | "resume") {
    const { fileSystem, place, signal, canResume } = this.#upload;
    const asked = canResume ? { ...place, mode, identify: true } : { ...place, mode };
    const { handleId, file } = await openFile(fileSystem, asked, signal);
    this.#handleId = handleId;
    return file;
  }
}
