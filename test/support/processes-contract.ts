import { describe } from "node:test";
import { describeControl } from "./process-control-contract.ts";
import { describeLimits } from "./process-limits-contract.ts";
import { describeOutput } from "./process-output-contract.ts";
import { describeStart } from "./process-start-contract.ts";
import { describeTerminals, type TerminalAbilities } from "./process-terminal-contract.ts";
import type { MakeProcesses } from "./process-workbench.ts";

/** Declares what every implementation of `Processes` has to do, wherever it does it. */
export function describeProcesses(
  name: string,
  make: MakeProcesses,
  abilities: TerminalAbilities = { arg0InTerminal: true },
): void {
  describe(`processes, ${name}`, () => {
    describeStart(make);
    describeOutput(make);
    describeControl(make);
    describeLimits(make);
    describeTerminals(make, abilities);
  });
}
