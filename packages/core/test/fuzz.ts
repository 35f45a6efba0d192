const RUNS_DEFAULT = 20_000;
const MS_PER_RUN_MAX = 10;

/** How many random inputs each property is tried on; KEYBRAKE_FUZZ_RUNS sets it for a longer or shorter run. */
const runs = Number(process.env["KEYBRAKE_FUZZ_RUNS"] ?? RUNS_DEFAULT);
if (!Number.isSafeInteger(runs) || runs < 1)
  throw new TypeError("KEYBRAKE_FUZZ_RUNS must be a positive number");

/** Parameters of a property that is tried on as many inputs as asked for. */
export const FUZZ = { numRuns: runs };

/** Parameters of a property whose single run is dear. */
export const FUZZ_TENTH = { numRuns: Math.max(1, Math.ceil(runs / 10)) };

/** How long one property may take before it counts as hanging. */
export const FUZZ_TIMEOUT_MS = 60_000 + runs * MS_PER_RUN_MAX;
