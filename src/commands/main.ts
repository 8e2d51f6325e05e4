import { program } from "./program.ts";

void program().parseAsync(process.argv);
