import { defineProject } from "vitest/config";

// Servers that are killed, frozen and raced under load, and the simulator, which takes every core: one file at a time, after
// everything else.
export default defineProject({
  test: {
    name: "proxy-alone",
    include: ["test/{races,lifecycle,simulation}/**/*.test.ts"],
    fileParallelism: false,
    sequence: { groupOrder: 1 },
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
