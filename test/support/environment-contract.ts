import { describe } from "node:test";
import type { Environment } from "../../src/client/library.ts";
import { describeFiles } from "./environment-files-contract.ts";
import { describeHttp } from "./environment-http-contract.ts";
import { describeInput } from "./environment-input-contract.ts";
import { describeMistakes } from "./environment-mistakes-contract.ts";
import { describeCommands, describeEnd } from "./environment-processes-contract.ts";
import type { SetUp } from "./environment-workbench.ts";
import { temporaryFolder } from "./temporary-folder.ts";

type Make = () => Promise<Environment>;

/** What the surface of the library promises, whichever machine is behind it. */
export function describeEnvironment(name: string, make: Make): void {
  const setUp: SetUp = async (t) => {
    const environment = await make();
    t.after(() => environment.close());
    const directory = temporaryFolder(t, "environment");
    return { environment, directory };
  };
  describe(`environment, ${name}: processes`, () => describeCommands(setUp));
  describe(`environment, ${name}: input`, () => describeInput(setUp));
  describe(`environment, ${name}: files`, () => describeFiles(setUp));
  describe(`environment, ${name}: HTTP`, () => describeHttp(setUp));
  describe(`environment, ${name}: mistakes`, () => describeMistakes(setUp));
  describe(`environment, ${name}: its end`, () => describeEnd(setUp));
}
