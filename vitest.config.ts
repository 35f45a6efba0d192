import { defineConfig } from "vitest/config";

// Each package is a project; one that needs other settings has its own vitest.config.ts.
export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*", "apps/proxy/vitest.alone.config.ts", "examples/*", "scripts"],
    passWithNoTests: true,
  },
});
