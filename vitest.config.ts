import { defineConfig } from "vitest/config";

// Each package is a project; one that needs other settings has its own vitest.config.ts.
export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*", "examples/*", "apps/proxy/vitest.alone.config.ts", "scripts"],
    // Vitest would keep one of two cores for itself, and most tests wait for a database or a process.
    maxWorkers: 2,
    passWithNoTests: true,
  },
});
