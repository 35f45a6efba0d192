import { eachItem } from "@keybrake/client";
import { parsePolicy, VENDOR_NAMES, VENDORS } from "@keybrake/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, type TestDatabases } from "./backends.ts";
import { openStage, type Stage } from "./stage.ts";

// Neither list comes from a database.
const [{ open }] = BACKENDS as [(typeof BACKENDS)[number]];

describe("what a policy is written from", () => {
  let databases: TestDatabases;
  let stage: Stage;

  beforeAll(async () => {
    databases = await open();
    stage = await openStage(databases);
  });
  afterAll(async () => {
    await stage?.close();
    await databases?.close();
  });

  it("is every endpoint of every catalogue, page by page", async () => {
    const seen: string[] = [];
    for await (const { vendor, operation } of eachItem(stage.admin.endpoints.list, { limit: 200 }))
      seen.push(`${vendor} ${operation}`);
    const known = VENDOR_NAMES.flatMap((vendor) =>
      VENDORS[vendor].endpoints.map(({ operation }) => `${vendor} ${operation}`),
    );
    expect(seen).toEqual(known);
  });

  it.each(VENDOR_NAMES)("is all of %s in one answer", async (vendor) => {
    const { data, next_cursor } = await stage.admin.endpoints.list({ vendor, limit: 1_000 });
    expect(data).toHaveLength(VENDORS[vendor].endpoints.length);
    expect(next_cursor).toBeNull();
  });

  it("is found by operation, method and path, in any case", async () => {
    const find = async (q: string) =>
      (await stage.admin.endpoints.list({ vendor: "stripe", q })).data.map(({ operation }) => operation);
    expect(await find("refunds.CREATE")).toContain("refunds.create");
    expect(await find("POST /v1/payouts/{payout}/cancel")).toEqual(["payouts.cancel"]);
    expect(await find("no such thing")).toEqual([]);
    const { data } = await stage.admin.endpoints.list({ q: "issuing.cards.create" });
    expect(data).toEqual([
      {
        vendor: "stripe",
        operation: "issuing.cards.create",
        method: "POST",
        path: "/v1/issuing/cards",
        kind: "unpriced",
        direction: "out",
        money: "not known beforehand",
        needs: expect.stringContaining("on_unpriced"),
      },
    ]);
  });

  it("is a template that the engine accepts and the catalogues know", async () => {
    const { data, next_cursor } = await stage.admin.policies.templates();
    expect(next_cursor).toBeNull();
    expect(new Set(data.map(({ vendor }) => vendor))).toEqual(new Set(VENDOR_NAMES));
    expect(new Set(data.map(({ name }) => name)).size).toBe(data.length);
    for (const { policy, vendor } of data) {
      expect(policy.vendor).toBe(vendor);
      const parsed = parsePolicy(policy);
      if ("problems" in parsed) expect.fail(parsed.problems.join("; "));
    }
    const [first] = (await stage.admin.policies.templates({ limit: 1 })).data;
    expect(first).toEqual(data[0]);
  });
});
