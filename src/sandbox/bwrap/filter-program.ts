/**
 * The part of classic BPF, the language of the kernel's filters, that is needed here. Pure: a
 * program is a list of instructions, some of which skip the next ones.
 */
import { Buffer } from "node:buffer";

export interface Instruction {
  readonly code: number;
  readonly whenTrue: number;
  readonly whenFalse: number;
  readonly operand: number;
}

export function plain(code: number, operand: number): Instruction {
  return { code, whenTrue: 0, whenFalse: 0, operand };
}

/** `BPF_LD | BPF_W | BPF_ABS`. */
export function load(offset: number): Instruction {
  return plain(0x20, offset);
}

/** `BPF_JMP | BPF_JEQ | BPF_K`. */
export function skipUnlessEqual(operand: number, skipped: number): Instruction {
  return { code: 0x15, whenTrue: 0, whenFalse: skipped, operand };
}

/** `BPF_JMP | BPF_JSET | BPF_K`. */
export function skipUnlessAnySet(operand: number, skipped: number): Instruction {
  return { code: 0x45, whenTrue: 0, whenFalse: skipped, operand };
}

/** `BPF_JMP | BPF_JGE | BPF_K`. */
export function skipIfBelow(operand: number, skipped: number): Instruction {
  return { code: 0x35, whenTrue: 0, whenFalse: skipped, operand };
}

export function unless(operand: number, steps: Instruction[]): Instruction[] {
  return [{ code: 0x15, whenTrue: steps.length, whenFalse: 0, operand }, ...steps];
}

export function onCall(call: number, steps: Instruction[]): Instruction[] {
  return [skipUnlessEqual(call, steps.length), ...steps];
}

export function assembled(instructions: Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8);
  instructions.forEach(({ code, whenTrue, whenFalse, operand }, index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(whenTrue, index * 8 + 2);
    bytes.writeUInt8(whenFalse, index * 8 + 3);
    bytes.writeUInt32LE(operand >>> 0, index * 8 + 4);
  });
  return bytes;
}
