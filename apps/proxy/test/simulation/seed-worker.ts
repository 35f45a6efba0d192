import { parentPort, workerData } from "node:worker_threads";
import { GROUND_MS, runHistory } from "./history.ts";
import { mutateDatabase } from "./mutants.ts";
import type { SeedResult, Share } from "./run-seeds.ts";
import { SimulatedDatabase } from "./simulated-database.ts";
import { prepareGround } from "./world.ts";

// A thread that lives through its share of the seeds, on a database of its own.
if (parentPort === null) throw new Error("this is a thread of the simulator and no program of its own");
const { first, last, every, mutant } = workerData as Share;
const database = await SimulatedDatabase.open();
if (mutant !== null) await mutateDatabase(database.direct, mutant);
const ground = await prepareGround(database, GROUND_MS);
for (let seed = first; seed <= last; seed += every) {
  const { steps, calls, sent, problem } = await runHistory(ground, seed);
  const result: SeedResult = { seed, steps: steps.length, calls, sent, problem: problem?.message ?? null };
  parentPort.postMessage(result);
}
await database.close();
