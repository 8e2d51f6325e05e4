import type { Buffer } from "node:buffer";

/** Address of a `FILE` of libc. */
export type Stream = number | bigint;

/**
 * Declares libc's streams, which are used because `fread` repeats reads until the memory is full.
 */
export interface Streams {
  /** Makes an unbuffered stream that owns the descriptor. Returns 0 when it fails. */
  openStream(fd: number): Stream;
  /** Closes the stream and its descriptor. */
  closeStream(stream: Stream): void;
  /**
   * Reads on a thread of the pool until the memory is full, the kernel has no more at the moment,
   * or the stream ends. Calls back with the number of bytes that were read.
   */
  readStream(stream: Stream, memory: Buffer, done: (length: number) => void): void;
}

const withoutBuffer = 2;

export function bindStreams(library: import("koffi").LibraryHandle): Streams {
  const open = library.func("intptr_t fdopen(int, const char *)");
  const setBuffer = library.func("int setvbuf(intptr_t, void *, int, size_t)");
  const close = library.func("int fclose(intptr_t)");
  const read = library.func("size_t fread(void *, size_t, size_t, intptr_t)");
  return {
    openStream: (fd) => {
      const stream = open(fd, "r");
      if (stream) setBuffer(stream, null, withoutBuffer, 0);
      return stream;
    },
    closeStream: (stream) => {
      close(stream);
    },
    readStream: (stream, memory, done) => {
      read.async(memory, 1, memory.length, stream, (error: unknown, length: number) => {
        if (error) throw error;
        done(length);
      });
    },
  };
}
