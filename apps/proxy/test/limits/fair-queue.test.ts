import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairQueue } from "../../src/limits/fair-queue.ts";

const NAMES = ["billing", "refund", "notify"] as const;

/** Everything that is queued, in the order in which it comes out. */
function drain<T>(queue: FairQueue<T>): T[] {
  const out: T[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) out.push(item);
  return out;
}

describe("FairQueue", () => {
  it("lets a latecomer wait for one item of each other flow, however long they are", () => {
    const queue = new FairQueue<string>();
    for (let index = 0; index < 1_000; index++) queue.push("burst", 1, `burst ${index}`);
    for (let index = 0; index < 100; index++) queue.shift();
    queue.push("late", 1, "late");
    expect([queue.shift(), queue.shift()]).toContain("late");
  });

  it("gives each flow turns by its weight, and keeps a flow's own order", () => {
    const queue = new FairQueue<string>();
    for (let index = 0; index < 40; index++) {
      queue.push("heavy", 1, `heavy ${index}`);
      queue.push("light", 0.25, `light ${index}`);
    }
    const first = Array.from({ length: 25 }, () => queue.shift() ?? "");
    const heavy = first.filter((item) => item.startsWith("heavy"));
    expect(heavy).toHaveLength(20);
    expect(heavy).toEqual(heavy.map((_, index) => `heavy ${index}`));
  });

  it("owes nothing to a flow that was away, and forgives nothing to one that leaves and comes back", () => {
    const queue = new FairQueue<{ name: string }>();
    const push = (name: string) => queue.push(name, 1, { name });
    for (let index = 0; index < 10; index++) push("steady");
    for (let index = 0; index < 5; index++) push("hasty");
    for (let index = 0; index < 10; index++) queue.shift();
    // It has used its five turns; asking again one by one gives it no more than every second one.
    const next = Array.from({ length: 4 }, () => {
      push("hasty");
      return queue.shift()?.name;
    });
    expect(next.filter((name) => name === "hasty").length).toBeLessThanOrEqual(2);
  });

  it("drops the latest of the longest flow, which is never a lone latecomer", () => {
    const queue = new FairQueue<string>();
    queue.push("late", 1, "late");
    for (const item of ["one", "two", "three"]) queue.push("long", 1, item);
    expect(queue.dropLatest()).toBe("three");
    expect(drain(queue).sort()).toEqual(["late", "one", "two"]);
  });

  it("loses nothing, gives nothing twice, and while two flows wait serves neither twice more than the other", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("push" as const), name: fc.constantFrom(...NAMES) }),
      fc.record({ kind: fc.constant("shift" as const) }),
      fc.record({ kind: fc.constant("remove" as const), pick: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new FairQueue<{ name: string; id: number }>();
        const inside = new Map<number, { name: string; id: number }>();
        /** How often each was served since all three have waited without a break. */
        let served = new Map<string, number>();
        let id = 0;
        for (const action of steps) {
          if (action.kind === "push") {
            const item = { name: action.name, id: id++ };
            inside.set(item.id, item);
            queue.push(action.name, 1, item);
          } else if (action.kind === "shift") {
            const item = queue.shift();
            expect(item === undefined).toBe(inside.size === 0);
            if (item === undefined) continue;
            expect(inside.delete(item.id)).toBe(true);
            // First in, first out within a flow.
            expect([...inside.values()].some((other) => other.name === item.name && other.id < item.id)).toBe(
              false,
            );
            served.set(item.name, (served.get(item.name) ?? 0) + 1);
            const counts = NAMES.map((name) => served.get(name) ?? 0);
            expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
          } else {
            const items = [...inside.values()];
            const item = items[action.pick % Math.max(1, items.length)];
            if (item === undefined) continue;
            inside.delete(item.id);
            expect(queue.remove(item.name, item)).toBe(true);
            expect(queue.remove(item.name, item)).toBe(false);
          }
          expect(queue.length).toBe(inside.size);
          if (NAMES.some((name) => queue.lengthOf(name) === 0)) served = new Map();
        }
        expect(drain(queue)).toHaveLength(inside.size);
      }),
      { numRuns: 300 },
    );
  });
});
