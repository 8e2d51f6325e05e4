import type { OutputLogBounds } from "../../src/environment/local/output/output-log-bounds.ts";

interface ModelChunk {
  readonly seq: number;
  readonly stream: string;
  readonly text: string;
}

/** The same rules without any cleverness: a list that is filtered anew for every question. */
export class OutputLogModel {
  chunks: ModelChunk[] = [];
  nextSeq = 1;
  droppedBytes = 0;
  exitCode: number | null = null;
  exitSeq = Number.POSITIVE_INFINITY;
  closedSeq = Number.POSITIVE_INFINITY;
  readonly bounds: OutputLogBounds;

  constructor(bounds: OutputLogBounds) {
    this.bounds = bounds;
  }

  append(stream: string, text: string): void {
    for (let rest = text; rest.length > 0; rest = rest.slice(this.bounds.chunkBytesMax)) {
      const part = rest.slice(0, this.bounds.chunkBytesMax);
      this.chunks.push({ seq: this.nextSeq++, stream, text: part });
      while (this.isOverfull()) this.droppedBytes += this.chunks.shift()?.text.length ?? 0;
    }
  }

  exit(exitCode: number): number {
    this.exitCode = exitCode;
    this.exitSeq = this.nextSeq++;
    return this.exitSeq;
  }

  close(): number {
    this.closedSeq = this.nextSeq++;
    return this.closedSeq;
  }

  get closed(): boolean {
    return this.closedSeq < this.nextSeq;
  }

  isOverfull(): boolean {
    const bytes = this.chunks.reduce((sum, { text }) => sum + text.length, 0);
    return bytes > this.bounds.bytesMax || this.chunks.length > this.bounds.chunksMax;
  }

  read(afterSeq = 0, maxBytes?: number) {
    const later = this.chunks.filter(({ seq }) => seq > afterSeq);
    const { answerBytesMax, answerChunksMax } = this.bounds;
    const bytesMax = Math.min(maxBytes ?? answerBytesMax, answerBytesMax);
    const given = later.filter((_, at) => {
      const bytes = later.slice(0, at + 1).reduce((sum, { text }) => sum + text.length, 0);
      return at === 0 || (bytes <= bytesMax && at < answerChunksMax);
    });
    const last = given.at(-1);
    const isCut = given.length < later.length;
    const nextSeq = last && (maxBytes !== undefined || isCut) ? last.seq + 1 : this.nextSeq;
    const known = maxBytes === undefined ? nextSeq : this.nextSeq;
    return {
      chunks: given.map(({ seq, stream, text }) => ({ seq, stream, chunk: btoa(text) })),
      nextSeq,
      exited: this.exitSeq < known,
      exitCode: this.exitSeq < known ? this.exitCode : null,
      closed: this.closedSeq < known,
      failure: null,
      sandboxDenied: false,
      droppedBytes: this.droppedBytes,
    };
  }
}
