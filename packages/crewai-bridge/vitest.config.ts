import { defineProject } from "vitest/config";

// Every test here waits for processes of its own.
export default defineProject({
  test: { name: "@keybrake/crewai-bridge", testTimeout: 60_000, hookTimeout: 120_000, maxConcurrency: 4 },
});
