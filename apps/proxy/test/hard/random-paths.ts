import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Figure, type Finding, type Run, scaled } from "./figure.ts";

const PATHS = 1_000_000;
const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PROPERTIES = "packages/core/test/endpoint.property.test.ts";
const OUTPUT_SHOWN_MAX = 2_000;

/** E12 in full: the properties that CI tries on 20,000 random paths, on a million. */
export const randomPaths: Figure = {
  name: "E12 random paths",
  goal: "1,000,000 random paths: what policy judges is byte for byte what goes on the wire, or it is refused",
  findObstacle: () => null,
  run: async (run: Run): Promise<Finding> => {
    const paths = scaled(PATHS, run);
    const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
    const child = spawn(process.execPath, [vitest, "run", "--project", "@keybrake/core", PROPERTIES], {
      cwd: ROOT,
      env: { ...process.env, KEYBRAKE_FUZZ_RUNS: String(paths) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    const [code] = await once(child, "close");
    return {
      isReached: code === 0,
      measured: code === 0 ? `${paths} paths held` : output.slice(-OUTPUT_SHOWN_MAX),
    };
  },
};
