// Lives through many simulated histories, or through one again: `--seed 123` prints its steps.
//   npm run simulate -- [--seeds 10000] [--from 1] [--jobs 2] | --seed 123
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { GROUND_MS, runHistory } from "./history.ts";
import { replayCommand, runSeeds } from "./run-seeds.ts";
import { SimulatedDatabase } from "./simulated-database.ts";
import { prepareGround } from "./world.ts";

const SEEDS = 10_000;
const PROGRESS_EVERY = 500;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: String(SEEDS) },
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

const isSound =
  values.seed === undefined
    ? await runMany(Number(values.from), Number(values.seeds), Number(values.jobs))
    : await replay(Number(values.seed));
process.exitCode = isSound ? 0 : 1;
