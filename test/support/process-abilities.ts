import assert from "node:assert/strict";
import type { Params } from "../../src/protocol/methods.ts";
import { fails, type Workbench } from "./process-workbench.ts";

/** What is worth having, and cannot be had by every means of starting, or not when confined. */
export interface ProcessAbilities {
  /** `arg0` counts in a terminal too. */
  readonly arg0InTerminal: boolean;
  /** A program that cannot be run fails the start; else the process says why, and exits for it. */
  readonly startFindsProgram: boolean;
  /** The variables are those asked for; else PWD is added to them. */
  readonly addsNoVariable: boolean;
  /** The process leads its session; else the first one of its sandbox does. */
  readonly leadsItsSession: boolean;
  /** What a process leaves behind goes on; else it ends with the process. */
  readonly outlivesLeader: boolean;
  /** That a process has closed its stdin is noticed while it runs; else when it ends. */
  readonly noticesClosedStdin: boolean;
}

export const allAbilities: ProcessAbilities = {
  arg0InTerminal: true,
  startFindsProgram: true,
  addsNoVariable: true,
  leadsItsSession: true,
  outlivesLeader: true,
  noticesClosedStdin: true,
};

/**
 * A sandbox has a procfs and process numbers of its own, which end with its first process. Its
 * outer processes hold the standard streams, and the program is looked up inside.
 */
export const confinedAbilities: ProcessAbilities = {
  arg0InTerminal: true,
  startFindsProgram: false,
  addsNoVariable: false,
  leadsItsSession: false,
  outlivesLeader: false,
  noticesClosedStdin: false,
};

/** The variables that a process in the workbench's directory has, besides those asked for. */
export function addedVariables({ addsNoVariable }: ProcessAbilities, t: Workbench): string[] {
  return addsNoVariable ? [] : [`PWD=${t.directory}`];
}

interface Unrunnable {
  readonly processId: string;
  readonly argv: string[];
  readonly more?: Partial<Params<"process/start">>;
  readonly text: RegExp;
  /** As shells have it: 127 for what is not there, 126 for what is no program. */
  readonly exitCode: 126 | 127;
}

/** Asserts that whoever starts a program that cannot be run is told why. */
export async function cannotRun(
  t: Workbench,
  { startFindsProgram }: ProcessAbilities,
  { processId, argv, more, text, exitCode }: Unrunnable,
): Promise<void> {
  if (startFindsProgram) {
    await fails(t.start(processId, argv, more), -32603, text);
    await fails(t.processes.read({ processId }), -32600, `unknown process id ${processId}`);
    assert.deepEqual(t.recorder.of(processId), []);
  } else {
    await t.run(processId, argv, more);
    assert.match(t.recorder.text(processId), text);
    assert.equal(t.recorder.exitCode(processId), exitCode);
  }
}
