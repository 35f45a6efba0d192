import path from "node:path";
import { isWithheld } from "./real-secret.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of a crew's program. */
export interface ChildEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** The names of what it did not inherit, in order; never their values. */
  readonly withheld: readonly string[];
}

/** What is added to what the program inherits. */
export interface ChildAdditions {
  /** The run's own variables. */
  readonly run: Readonly<Record<string, string>>;
  /** The folder that comes first in `PYTHONPATH`. */
  readonly pythonPreload: string | null;
}

/** The preload's own file, as a URL: that may hold spaces, and needs no package of the program's. */
export const REGISTER_URL = import.meta.resolve("@keybrake/client/register");

/**
 * Makes the environment: what this process has, without any real credential of a vendor, without anybody else's vault
 * keys and without Keybrake's own settings, and with the run's variables and the preloads.
 */
export function createChildEnvironment(
  inherited: Environment,
  { run, pythonPreload }: ChildAdditions,
): ChildEnvironment {
  const variables: Record<string, string> = {};
  const withheld: string[] = [];
  for (const [name, value] of Object.entries(inherited)) {
    if (value === undefined) continue;
    if (isWithheld(name, value)) withheld.push(name);
    else variables[name] = value;
  }
  Object.assign(variables, run);
  variables["NODE_OPTIONS"] = addPreload(variables["NODE_OPTIONS"]);
  if (pythonPreload !== null) {
    const others = variables["PYTHONPATH"];
    variables["PYTHONPATH"] = others ? pythonPreload + path.delimiter + others : pythonPreload;
  }
  return { variables, withheld: withheld.sort() };
}

function addPreload(options: string | undefined): string {
  const preload = `--import=${REGISTER_URL}`;
  if (options === undefined || options.trim() === "") return preload;
  return options.includes(REGISTER_URL) ? options : `${options} ${preload}`;
}
