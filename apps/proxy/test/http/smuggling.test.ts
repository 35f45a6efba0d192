import { expect, test } from "vitest";
import { smuggle } from "../hard/framing.ts";

/** What the corpus of defparam/smuggler has. */
const MUTATIONS_MIN = 1_768;

// defparam/smuggler, http-garden: whatever the bytes are, the vendor sees the requests that were judged, and no other.
test("F4: every mutation of a request's framing is as many requests to the vendor as the audit log allowed", async () => {
  const found = await smuggle();
  expect(found.mutations).toBeGreaterThanOrEqual(MUTATIONS_MIN);
  expect(found.strange).toEqual([]);
  // Some of these are plain HTTP and pass; were all refused, nothing would have been tried.
  expect(found.statuses.get(200)).toBeGreaterThan(10);
  expect(found.statuses.get(400)).toBeGreaterThan(1_000);
  expect(found.stray).toBe("");
  expect(found.arrived).toBe(found.allowed);
  expect(found.forbidden).toEqual([]);
}, 120_000);
