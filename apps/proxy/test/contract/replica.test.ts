import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planLedgerApply } from "../../src/ledger/ledger-apply.ts";
import { Replica } from "../../src/ledger/replica.ts";
import { openPgliteStore, type SqlStore } from "./sql-store.ts";

describe("a replica", () => {
  let store: SqlStore;
  const replicas: Replica[] = [];
  beforeAll(async () => {
    store = await openPgliteStore();
    for (const name of ["first", "second", "third"]) {
      const events = { onError: () => undefined, onSwept: () => undefined };
      const replica = new Replica(store.generalDatabase, name, "0.0.0", () => performance.now(), events);
      await replica.start();
      replicas.push(replica);
    }
  });
  afterAll(async () => {
    for (const replica of replicas) await replica.stop();
    await store.close();
  });
  const eldest = () => Promise.all(replicas.map((replica) => replica.isEldest()));

  it.each([
    ["its own epoch", () => replicas[0]?.epoch ?? 0n],
    ["one that nobody has", () => 0n],
  ])("plans the ledger's statement with %s, and leaves nothing of it", async (_what, epoch) => {
    const left = () =>
      store.control.query("SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM reservations) AS n");
    await planLedgerApply(store.generalDatabase, epoch());
    expect(await left()).toEqual([{ n: 0n }]);
  });

  it("is the eldest when it started first; when it has stopped the next one, and never one whose lease is over", async () => {
    expect(await eldest()).toEqual([true, false, false]);
    await replicas[0]?.stop();
    expect(await eldest()).toEqual([false, true, false]);
    await store.control.query(
      "UPDATE replicas SET lease_until = clock_timestamp() - interval '1 second' WHERE epoch = $1",
      [replicas[1]?.epoch],
    );
    expect(await eldest()).toEqual([false, false, true]);
  });
});
