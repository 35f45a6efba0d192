// The real backends that tests and benchmarks run against, each behind one environment variable.
import { openPostgres } from "./postgres.mjs";
import { ServiceMissing } from "./program.mjs";
import { openCrewaiPython, openOldestCrewaiPython, openPython } from "./python.mjs";
import { openRedis } from "./redis.mjs";
import { openStripeMock } from "./stripe-mock.mjs";

/** Every service: the variable by which a test finds it, and how a private one is started. */
export const SERVICES = {
  postgres: { variable: "KEYBRAKE_TEST_DATABASE_URL", open: openPostgres },
  redis: { variable: "KEYBRAKE_TEST_REDIS_URL", open: openRedis },
  "stripe-mock": { variable: "KEYBRAKE_STRIPE_MOCK_URL", open: openStripeMock },
  python: { variable: "KEYBRAKE_TEST_PYTHON", open: openPython },
  crewai: { variable: "KEYBRAKE_TEST_CREWAI_PYTHON", open: openCrewaiPython },
  "oldest-crewai": { variable: "KEYBRAKE_TEST_OLDEST_CREWAI_PYTHON", open: openOldestCrewaiPython },
};

/**
 * Provides services: one whose variable is set is used as it is, the others are started.
 * @param {(keyof typeof SERVICES)[]} names
 * @param {{ root: string, guard: import("./guard.mjs").Guard, install: boolean }} options
 * @returns {Promise<ServiceSet>} never rejects; what cannot be had is in `absent`
 * @typedef {{ env: Record<string, string>, absent: AbsentService[], close: () => Promise<void> }} ServiceSet `close` stops what
 *   was started
 * @typedef {{ name: string, variable: string, reason: string, broken: boolean }} AbsentService `broken` = it is installed and
 *   did not start
 */
export async function openServices(names, options) {
  const env = {};
  const absent = [];
  const opened = [];
  await Promise.all(
    names.map(async (name) => {
      const { variable, open } = SERVICES[name];
      const given = process.env[variable];
      if (given) {
        env[variable] = given;
        return;
      }
      try {
        const service = await open(options);
        opened.push(service);
        env[variable] = service.value;
      } catch (error) {
        const broken = !(error instanceof ServiceMissing);
        const reason = broken ? error.message.trim() : `${error.message}; get it with: ${error.remedy}`;
        absent.push({ name, variable, reason, broken });
      }
    }),
  );
  const close = async () => {
    await Promise.allSettled(opened.map((service) => service.close()));
  };
  return { env, absent, close };
}
