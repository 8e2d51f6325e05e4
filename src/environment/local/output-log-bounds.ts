import {
  outputChunkBytesMax,
  readAnswerBytesMax,
  readAnswerChunksMax,
  retainedOutputBytesMax,
  retainedOutputChunksMax,
} from "../../limits.ts";

/** How much of the output of one process is kept and given. */
export interface OutputLogBounds {
  readonly chunkBytesMax: number;
  /** What is kept in memory. */
  readonly bytesMax: number;
  readonly chunksMax: number;
  /** What one answer holds at most. */
  readonly answerBytesMax: number;
  readonly answerChunksMax: number;
}

export const defaultBounds: OutputLogBounds = {
  chunkBytesMax: outputChunkBytesMax,
  bytesMax: retainedOutputBytesMax,
  chunksMax: retainedOutputChunksMax,
  answerBytesMax: readAnswerBytesMax,
  answerChunksMax: readAnswerChunksMax,
};
