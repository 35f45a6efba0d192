import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CliError, EXIT } from "./exit.ts";

/** Where the server stands beside this package, in a checkout and in the image. */
const SERVER = fileURLToPath(new URL("../../../apps/proxy/dist/main.js", import.meta.url));

/** The server's program. Throws when it is not there; `instead` says what else can be done. */
export function findServer(instead: string): string {
  if (existsSync(SERVER)) return SERVER;
  const hint = `build the checkout first (\`npm start\` does), or ${instead}`;
  throw new CliError(EXIT.failed, `there is no server at \`${SERVER}\`: ${hint}`);
}
