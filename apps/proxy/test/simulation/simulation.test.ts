import { afterAll, beforeAll, expect, test } from "vitest";
import { GROUND_MS, runHistory } from "./history.ts";
import { replayCommand, runSeeds } from "./run-seeds.ts";
import { SimulatedDatabase } from "./simulated-database.ts";
import { type Ground, prepareGround } from "./world.ts";

/** `npm run simulate` lives through 10,000. KEYBRAKE_SIMULATION_SEEDS sets another number. */
const SEEDS = Number(process.env["KEYBRAKE_SIMULATION_SEEDS"] ?? 500);
const THREADS = 2;
const REPLAY_TIMEOUT_MS = 120_000;
const TIMEOUT_MS = 60_000 + SEEDS * 3_000;

let database: SimulatedDatabase;
let ground: Ground;

beforeAll(async () => {
  database = await SimulatedDatabase.open();
  ground = await prepareGround(database, GROUND_MS);
});
afterAll(() => database.close());

// Without this a failing seed could not be looked at again.
test("a seed lives through the same history twice", { timeout: REPLAY_TIMEOUT_MS }, async () => {
  const seed = 7;
  const [first, second] = [await runHistory(ground, seed), await runHistory(ground, seed)];
  expect(first.steps.map(withoutIds)).toEqual(second.steps.map(withoutIds));
});

// No budget is exceeded, each sent call has a row, sums equal rows, and nothing that has ended changes: see invariants.ts.
test(`no promise is broken in any of ${SEEDS} simulated histories`, { timeout: TIMEOUT_MS }, async () => {
  const { failed, seeds, sent } = await runSeeds(1, SEEDS, THREADS);
  expect(
    failed.map(({ seed, problem }) => `seed ${seed}: ${problem}; again: ${replayCommand(seed)}`),
  ).toEqual([]);
  expect(seeds).toBe(SEEDS);
  // Histories in which hardly anything reaches the vendor would prove nothing.
  expect(sent).toBeGreaterThan(5 * SEEDS);
});

/** Ids are random; everything else must be the same. */
function withoutIds(step: string): string {
  return step.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "id");
}
