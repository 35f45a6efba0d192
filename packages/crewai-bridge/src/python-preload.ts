import { execFile } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

type Environment = Readonly<Record<string, string | undefined>>;

const run = promisify(execFile);
const ANSWER_MS_MAX = 10_000;
const ANSWER_BYTES_MAX = 65_536;
/** The Python package beside this one, which finds itself from there. */
const BESIDE = fileURLToPath(new URL("../python/src/keybrake_crewai/preload", import.meta.url));
const PYTHON_OF_ENVIRONMENT = process.platform === "win32" ? "Scripts/python.exe" : "bin/python";

/**
 * Finds the folder that must come first in a crew's `PYTHONPATH` for the vendors' Python SDKs to use the agents' keys:
 * that of the Python package where the project's Python has it, else beside this package. Null when there is neither.
 */
export async function findPythonPreload(directory: string, environment: Environment): Promise<string | null> {
  for (const python of listPythons(directory, environment)) {
    const folder = await askForPreload(python, directory, environment);
    if (folder !== null) return folder;
  }
  return existsSync(BESIDE) ? BESIDE : null;
}

/** The project's own environment first: it is what `uv run` and `crewai run` take. */
function listPythons(directory: string, { VIRTUAL_ENV: active }: Environment): readonly string[] {
  const environments = [path.join(directory, ".venv"), ...(active ? [active] : [])];
  const own = environments.map((folder) => path.join(folder, PYTHON_OF_ENVIRONMENT)).filter(existsSync);
  return [...new Set(own), "python3", "python"];
}

async function askForPreload(
  python: string,
  directory: string,
  environment: Environment,
): Promise<string | null> {
  try {
    const { stdout } = await run(python, ["-m", "keybrake_crewai", "--preload-path"], {
      cwd: directory,
      env: { ...environment },
      timeout: ANSWER_MS_MAX,
      maxBuffer: ANSWER_BYTES_MAX,
    });
    const folder = stdout.trim();
    return path.isAbsolute(folder) && statSync(folder).isDirectory() ? folder : null;
  } catch {
    // No such Python, no such package, or an answer that is none: the caller tells what to install.
    return null;
  }
}
