import { afterAll, beforeAll, expect } from "vitest";

const OPEN_TIMEOUT_MS = 60_000;

/** Opens a harness for the tests of the enclosing `describe`, and closes it behind them. */
export function useHarness<Harness extends { close(): Promise<void> }>(
  open: () => Promise<Harness>,
): () => Harness {
  let harness: Harness | null = null;
  beforeAll(async () => {
    harness = await open();
  }, OPEN_TIMEOUT_MS);
  afterAll(async () => {
    await harness?.close();
  }, OPEN_TIMEOUT_MS);
  return () => {
    if (harness === null) expect.fail("the harness is not open");
    return harness;
  };
}
