import {
  confirmedOutputBytesMax,
  outputChunkBytesMax,
  readAnswerBytesMax,
  readAnswerChunksMax,
  retainedOutputBytesMax,
  retainedOutputChunksMax,
  unconfirmedOutputBytesMax,
} from "../../../limits.ts";

/** How much output of one process is retained, and how much one answer holds. */
export interface OutputLogBounds {
  readonly chunkBytesMax: number;
  /** Bytes retained in memory. */
  readonly bytesMax: number;
  readonly chunksMax: number;
  /**
   * While a process has written no more than this, all of it is retained, even if it was received.
   */
  readonly confirmedBytesMax: number;
  /** Further bytes in memory, for output that the receiver has not confirmed yet. */
  readonly unconfirmedBytesMax: number;
  /** Limits of one answer. */
  readonly answerBytesMax: number;
  readonly answerChunksMax: number;
}

export const defaultBounds: OutputLogBounds = {
  chunkBytesMax: outputChunkBytesMax,
  bytesMax: retainedOutputBytesMax,
  chunksMax: retainedOutputChunksMax,
  confirmedBytesMax: confirmedOutputBytesMax,
  unconfirmedBytesMax: unconfirmedOutputBytesMax,
  answerBytesMax: readAnswerBytesMax,
  answerChunksMax: readAnswerChunksMax,
};
