import { cpus, release, totalmem, type } from "node:os";

/** When and where the figures were taken, for whoever compares them with others. */
export function runNotes(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() || process.arch;
  const gib = Math.round(totalmem() / 2 ** 30);
  const day = new Date().toISOString().slice(0, 10);
  const machine = `${processors.length} x ${model}, ${gib} GiB, ${type()} ${release()}`;
  return `${day} · ${machine} · Node ${process.version}`;
}
