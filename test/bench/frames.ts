/** Reads what a benchmark needs from a frame without parsing it, whoever wrote it. */

const quote = 0x22;
const padding = 0x3d;
const outputName = Buffer.from('"process/output"');
const chunkName = Buffer.from('"chunk":"');
const errorName = Buffer.from('"error"');
const idAhead = /^\{(?:"jsonrpc":"2.0",)?"id":(\d+)[,}]/;
const idBehind = /,"id":(\d+)\}$/;

/** The name of the method stands at one of the two ends of a frame. */
export function isOutput(frame: Buffer): boolean {
  return frame.subarray(0, 80).includes(outputName) || frame.subarray(-80).includes(outputName);
}

/** The request that a frame answers; undefined for an event. */
export function answeredId(frame: Buffer): number | undefined {
  const ahead = idAhead.exec(frame.toString("latin1", 0, Math.min(60, frame.length)));
  const found = ahead ?? idBehind.exec(frame.toString("latin1", Math.max(0, frame.length - 40)));
  return found ? Number(found[1]) : undefined;
}

export const isError = (frame: Buffer) => frame.subarray(0, 80).includes(errorName);

export function textOf(frame: Buffer, name: string): string {
  const from = frame.indexOf(name) + name.length;
  return frame.toString("latin1", from, frame.indexOf(quote, from));
}

/** Bytes of the chunk: four characters of base64 are three, less one for each `=` at the end. */
export function decodedBytes(frame: Buffer): number {
  const from = frame.indexOf(chunkName) + chunkName.length;
  const to = frame.indexOf(quote, from);
  const missing = Number(frame[to - 1] === padding) + Number(frame[to - 2] === padding);
  return ((to - from) / 4) * 3 - missing;
}
