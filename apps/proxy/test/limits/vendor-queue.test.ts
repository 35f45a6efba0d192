import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Pace } from "../../src/limits/pace.ts";
import { SharedSlots } from "../../src/limits/slots.ts";
import { RUNNING_MAX, type Turn, VendorQueue } from "../../src/limits/vendor-queue.ts";

const now = () => performance.now();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A queue with a pace, and what came of the calls that entered it, in order. */
function open(limit: number | null) {
  let refused = 0;
  const queue = new VendorQueue(new Pace(limit, now), new SharedSlots(null, "test", () => 1, now), now, {
    onWaited: () => undefined,
    onRefused: () => refused++,
  });
  const begun: { agentId: string; turn: Turn }[] = [];
  const failed: { agentId: string; code: string; seconds: number }[] = [];
  const send = (agentId: string, times: number, onBegun: (turn: Turn) => void) => {
    for (let index = 0; index < times; index++) {
      queue.enter(agentId, 1).then(
        (turn) => {
          turn.use();
          begun.push({ agentId, turn });
          onBegun(turn);
        },
        (error) => failed.push({ agentId, code: error.code, seconds: error.retryAfterSeconds }),
      );
    }
  };
  const enter = (agentId: string, times = 1) => send(agentId, times, () => undefined);
  /** As quick as a vendor can be: a call that has begun has ended. */
  const enterQuick = (agentId: string, times = 1) => send(agentId, times, (turn) => turn.leave());
  const agents = () => begun.map(({ agentId }) => agentId);
  return { queue, begun, failed, enter, enterQuick, agents, refused: () => refused };
}

describe("VendorQueue", () => {
  it("lets everything pass at once where no limit is known", async () => {
    const { begun, enter } = open(null);
    enter("agent", RUNNING_MAX);
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toHaveLength(RUNNING_MAX);
  });

  it("sends at the pace of the vendor", async () => {
    const { begun, enterQuick } = open(20);
    enterQuick("agent", 60);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(begun.length).toBeGreaterThanOrEqual(19);
    expect(begun.length).toBeLessThanOrEqual(23);
    await vi.advanceTimersByTimeAsync(2_100);
    expect(begun).toHaveLength(60);
  });

  it("serves another agent's call next, whatever one agent has queued", async () => {
    const { agents, enterQuick } = open(20);
    enterQuick("burst", 150);
    await vi.advanceTimersByTimeAsync(1_000);
    const before = agents().length;
    enterQuick("reader");
    await vi.advanceTimersByTimeAsync(150);
    expect(agents().slice(before)).toContain("reader");
  });

  it("refuses who has waited ten seconds, tells when to come again, and has none of them left", async () => {
    const { queue, begun, failed, enterQuick, enter, refused } = open(2);
    enterQuick("agent", 50);
    await vi.advanceTimersByTimeAsync(11_000);
    expect(begun.length + failed.length).toBe(50);
    expect(begun.length).toBeGreaterThanOrEqual(20);
    expect(refused()).toBe(failed.length);
    expect(queue.length).toBe(0);
    for (const { code, seconds } of failed) {
      expect(code).toBe("overloaded");
      expect(seconds).toBeGreaterThanOrEqual(1);
      expect(seconds).toBeLessThanOrEqual(30);
    }
    const before = begun.length;
    queue.slowDown(8_000);
    enter("agent");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(begun).toHaveLength(before + 1);
  });

  it("bounds who waits: the longest queue loses its latest, and a latecomer has its place", async () => {
    const { queue, begun, failed, enterQuick, agents } = open(1);
    enterQuick("burst", 1_100);
    expect(queue.length).toBeLessThanOrEqual(1_000);
    enterQuick("reader");
    await vi.advanceTimersByTimeAsync(0);
    expect(failed.length).toBeGreaterThanOrEqual(99);
    expect(failed.every(({ agentId }) => agentId === "burst")).toBe(true);
    await vi.advanceTimersByTimeAsync(3_500);
    expect(begun.length).toBeLessThanOrEqual(5);
    expect(agents()).toContain("reader");
  });

  it("bounds what runs at once, so that a vendor that hangs collects no more", async () => {
    const { begun, enter, failed } = open(null);
    enter("agent", RUNNING_MAX + 30);
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toHaveLength(RUNNING_MAX);
    for (const { turn } of begun.slice(0, 10)) turn.leave();
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toHaveLength(RUNNING_MAX + 10);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(failed).toHaveLength(20);
  });

  it("pauses and slows down when the vendor refuses, and gets faster again", async () => {
    const { queue, begun, enterQuick } = open(20);
    enterQuick("agent", 150);
    await vi.advanceTimersByTimeAsync(500);
    const atRefusal = begun.length;
    queue.slowDown(2_000);
    await vi.advanceTimersByTimeAsync(1_990);
    expect(begun).toHaveLength(atRefusal);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(begun.length - atRefusal).toBeGreaterThanOrEqual(8);
    expect(begun.length - atRefusal).toBeLessThanOrEqual(14);
    expect(queue.paceShare).toBeLessThan(1);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(queue.paceShare).toBe(1);
  });

  it("gives the slot of a call that was not sent to the next one", async () => {
    const { queue, begun, enter } = open(1);
    const turn = await queue.enter("agent", 1);
    enter("other");
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toHaveLength(0);
    turn.leave();
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toHaveLength(1);
  });

  it("goes by a limit that was changed meanwhile", async () => {
    const { queue, begun, enterQuick } = open(1);
    enterQuick("agent", 40);
    await vi.advanceTimersByTimeAsync(100);
    queue.setLimit(null);
    await vi.advanceTimersByTimeAsync(0);
    expect(begun).toHaveLength(40);
  });
});
