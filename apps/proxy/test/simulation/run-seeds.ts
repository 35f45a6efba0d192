import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Mutant } from "./mutants.ts";

const MUTANT_HOOK = fileURLToPath(new URL("mutant-hook.ts", import.meta.url));

/** Seeds `first`, `first + every` … up to `last`. */
export interface Share {
  readonly first: number;
  readonly last: number;
  readonly every: number;
  /** The fault that the product has in this thread. */
  readonly mutant: Mutant | null;
}

/** What came of one seed: `problem` names the promise that was broken. */
export interface SeedResult {
  readonly seed: number;
  readonly steps: number;
  readonly calls: number;
  readonly sent: number;
  readonly problem: string | null;
}

/** What came of many. */
export interface SeedsResult {
  readonly seeds: number;
  readonly calls: number;
  readonly sent: number;
  readonly steps: number;
  readonly seconds: number;
  readonly failed: readonly SeedResult[];
}

/** The command that lives through one seed again and prints its steps. */
export function replayCommand(seed: number): string {
  return `npm run simulate -- --seed ${seed}`;
}

/** Lives through seeds in several threads, with the product as it is or as a mutant. A seed that fails does not stop the others. */
export async function runSeeds(
  from: number,
  count: number,
  jobs: number,
  onResult: (result: SeedResult) => void = () => undefined,
  mutant: Mutant | null = null,
): Promise<SeedsResult> {
  const startedAtMs = performance.now();
  const failed: SeedResult[] = [];
  const sums = { seeds: 0, calls: 0, sent: 0, steps: 0 };
  const last = from + count - 1;
  const threads = Array.from({ length: Math.min(jobs, count) }, async (_, index) => {
    const share: Share = { first: from + index, last, every: Math.min(jobs, count), mutant };
    const worker = new Worker(new URL("seed-worker.ts", import.meta.url), {
      workerData: share,
      execArgv: mutant === null ? [] : ["--import", MUTANT_HOOK],
    });
    worker.on("message", (result: SeedResult) => {
      sums.seeds++;
      sums.calls += result.calls;
      sums.sent += result.sent;
      sums.steps += result.steps;
      if (result.problem !== null) failed.push(result);
      onResult(result);
    });
    const [code] = await once(worker, "exit");
    if (code !== 0) throw new Error(`a thread of the simulator ended with exit code ${code}`);
  });
  await Promise.all(threads);
  failed.sort((left, right) => left.seed - right.seed);
  return { ...sums, failed, seconds: (performance.now() - startedAtMs) / 1_000 };
}
