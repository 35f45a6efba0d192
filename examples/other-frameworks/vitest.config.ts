import { defineProject } from "vitest/config";

export default defineProject({
  test: {
    name: "other-frameworks",
    include: ["test/**/*.test.ts"],
    env: { MASTRA_TELEMETRY_DISABLED: "1", OPENAI_AGENTS_DISABLE_TRACING: "1" },
    testTimeout: 30_000,
  },
});
