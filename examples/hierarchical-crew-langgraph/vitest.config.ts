import { defineProject } from "vitest/config";

export default defineProject({
  test: { name: "hierarchical-crew-langgraph", include: ["test/**/*.test.ts"], testTimeout: 120_000 },
});
