import {
  confirmedOutputBytesMax,
  outputChunkBytesMax,
  readAnswerBytesMax,
  readAnswerChunksMax,
  retainedOutputBytesMax,
  retainedOutputChunksMax,
  unconfirmedOutputBytesMax,
} from "../../limits.ts";

/** How much of the output of one process is kept and given. */
export interface OutputLogBounds {
  readonly chunkBytesMax: number;
  /** What is kept in memory. */
  readonly bytesMax: number;
  readonly chunksMax: number;
  /** Output of a process up to which all of it is kept, whoever has it. */
  readonly confirmedBytesMax: number;
  /** What is kept in memory besides until it is known to have arrived. */
  readonly unconfirmedBytesMax: number;
  /** What one answer holds at most. */
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
