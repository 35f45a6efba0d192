// Lives through many simulated histories, or through one again: `--seed 123` prints its steps.
// With `--mutants` it does so with the product broken on purpose, once for each known way, and says in how many seeds that
// was found: it must be found.
//   npm run simulate -- [--seeds 10000] [--from 1] [--jobs 2] | --seed 123 | --mutants [--seeds 200] [part of a name]
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { GROUND_MS, runHistory } from "./history.ts";
import { MUTANTS } from "./mutants.ts";
import { replayCommand, runSeeds } from "./run-seeds.ts";
import { SimulatedDatabase } from "./simulated-database.ts";
import { prepareGround } from "./world.ts";

const SEEDS = 10_000;
const MUTANT_SEEDS = 200;
const PROGRESS_EVERY = 500;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    mutants: { type: "boolean", default: false },
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: String(availableParallelism()) },
  },
});

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function replay(seed: number): Promise<boolean> {
  const database = await SimulatedDatabase.open();
  const { steps, problem } = await runHistory(await prepareGround(database, GROUND_MS), seed);
  for (const step of steps) print(step);
  if (problem !== null)
    print(problem.name === "Violation" ? problem.message : (problem.stack ?? problem.message));
  print(`seed ${seed}: ${problem === null ? "every promise was kept" : "a promise was broken"}`);
  await database.close();
  return problem === null;
}

async function runMany(from: number, count: number, jobs: number): Promise<boolean> {
  let done = 0;
  const result = await runSeeds(from, count, jobs, ({ seed, problem }) => {
    if (problem !== null) print(`seed ${seed}: ${problem}\n  again: ${replayCommand(seed)}`);
    if (++done % PROGRESS_EVERY === 0) print(`${done} seeds`);
  });
  const { seeds, seconds, calls, sent, steps, failed } = result;
  const rate = `${seconds.toFixed(1)} s (${(seeds / seconds).toFixed(1)} a second, ${jobs} threads)`;
  print(`seeds ${from} to ${from + count - 1} in ${rate}: ${steps} steps, ${calls} requests, ${sent} sent`);
  print(`${failed.length} of ${seeds} seeds broke a promise`);
  return failed.length === 0;
}

/** Mutants that no seed finds make it fail: then the simulator does not see what it says it sees. */
async function runMutants(from: number, count: number, jobs: number): Promise<boolean> {
  let unseen = 0;
  const mutants = MUTANTS.filter(({ name }) => positionals.every((part) => name.includes(part)));
  for (const mutant of mutants) {
    const { failed } = await runSeeds(from, count, jobs, undefined, mutant);
    if (failed.length === 0) unseen++;
    const example = failed[0] === undefined ? "NOT FOUND" : `seed ${failed[0].seed}: ${failed[0].problem}`;
    print(`${String(failed.length).padStart(4)} of ${count}  ${mutant.name}\n              ${example}`);
  }
  print(`${mutants.length - unseen} of ${mutants.length} mutants were found`);
  return mutants.length > 0 && unseen === 0;
}

async function run(): Promise<boolean> {
  const { seed, seeds, from, jobs, mutants } = values;
  if (seed !== undefined) return replay(Number(seed));
  if (mutants) return runMutants(Number(from), Number(seeds ?? MUTANT_SEEDS), Number(jobs));
  return runMany(Number(from), Number(seeds ?? SEEDS), Number(jobs));
}

process.exitCode = (await run()) ? 0 : 1;
