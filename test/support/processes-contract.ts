import { describe } from "node:test";
import { allAbilities, type ProcessAbilities } from "./process-abilities.ts";
import { describeControl } from "./process-control-contract.ts";
import { describeLimits } from "./process-limits-contract.ts";
import { describeOutput } from "./process-output-contract.ts";
import { describeStart } from "./process-start-contract.ts";
import { describeTerminals } from "./process-terminal-contract.ts";
import type { MakeProcesses } from "./process-workbench.ts";

/** Declares what every implementation of `Processes` has to do, wherever it does it. */
export function describeProcesses(
  name: string,
  make: MakeProcesses,
  exceptions: Partial<ProcessAbilities> = {},
): void {
  const abilities = { ...allAbilities, ...exceptions };
  describe(`processes, ${name}`, () => {
    describeStart(make, abilities);
    describeOutput(make, abilities);
    describeControl(make, abilities);
    describeLimits(make, abilities);
    describeTerminals(make, abilities);
  });
}
