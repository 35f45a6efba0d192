// Looking for programs on this machine.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Finds a program on PATH or in further folders.
 * @param {string} name
 * @param {string[]} [directories] looked at after PATH, in order
 * @returns {string | undefined} its path; a link is not followed, because some programs go by the name they are called by
 */
export function findProgram(name, directories = []) {
  for (const directory of [...(process.env.PATH ?? "").split(delimiter), ...directories]) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** A service that this machine does not have. `message` says what is missing, `remedy` is the command that would provide it. */
export class ServiceMissing extends Error {
  /**
   * @param {string} message
   * @param {string} remedy
   */
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}
