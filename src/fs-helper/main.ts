import { runFsHelper } from "./serve.ts";

await runFsHelper({ input: 0, output: 1 });
