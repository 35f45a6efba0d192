export { EXIT, type ExitCode } from "./exit.ts";
export { runCli } from "./program.ts";
export type { Terminal } from "./terminal.ts";
