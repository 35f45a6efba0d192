import { readTarget } from "@keybrake/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inBatches } from "../support/in-batches.ts";
import { countAllowed, type Front, newKey, openFront } from "./front.ts";
import vectors from "./path-vectors.json" with { type: "json" };
import { requestText, sendRaw } from "./raw-client.ts";
import { openRawVendor, type RawVendor } from "./raw-vendor.ts";

const RANDOM_TARGETS = 400;
/** Endpoints that a key may read here, in a valid spelling. */
const KNOWN = ["/v1/customers/cus_1", "/v1/customers", "/stripe/v1/refunds/re_1", "/v1/balance?expand[]=x"];

/** What a careless reader decodes, folds or drops. */
const fragment = fc.oneof(
  fc.constantFrom(
    ..."/ // . .. ./ ../ ..; ; ;a %2e %2E%2e %2f %5c \\ %00 %25 %252f %40 %2B %3b # ? ?? & : @ * // ~ // %C0%AE é".split(
      " ",
    ),
  ),
  fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 3 }),
);

/** Valid targets with something put into them or cut out of them. Blanks and controls would end the request line. */
const targets = fc
  .tuple(fc.constantFrom(...KNOWN), fc.nat(), fc.nat(3), fc.array(fragment, { maxLength: 3 }))
  .map(([known, at, cut, parts]) => {
    const index = at % (known.length + 1);
    return known.slice(0, index) + parts.join("") + known.slice(index + cut);
  })
  .filter((target) => /^[!-~\x80-\xff]+$/.test(target));

describe("E12: what policy judges is byte for byte what goes on the wire, or it is refused", () => {
  let vendor: RawVendor;
  let front: Front;
  let vaultKey: string;

  beforeAll(async () => {
    vendor = await openRawVendor();
    front = await openFront(vendor.url);
    ({ vaultKey } = await newKey(front, { allowed_endpoints: ["GET /**"] }));
  }, 120_000);
  afterAll(async () => {
    await front.close();
    await vendor.close();
  });

  /** Reads a target through the server; resolves to the id of its audit row, or null when it was no request at all. */
  async function ask(target: string): Promise<string | null> {
    const headers = [`Authorization: Bearer ${vaultKey}`];
    const { answers } = await sendRaw(front.server.dataUrl, requestText(`GET ${target}`, headers));
    expect(answers, target).toHaveLength(1);
    return answers[0]?.headers.get("keybrake-call-id") ?? null;
  }

  /** Sends all of them and compares the vendor's request lines with the paths of the allowed rows. */
  async function expectWireIsPolicy(asked: readonly string[]): Promise<ReadonlySet<string>> {
    const before = vendor.requests.length;
    const ids = await inBatches(asked, ask);
    const targetOf = new Map(ids.map((id, index) => [id, asked[index] ?? ""]));
    const judged: string[] = [];
    const allowed = new Set<string>();
    for await (const { id, path, verdict } of front.admin.calls.ndjson({})) {
      const target = targetOf.get(id);
      if (target === undefined || verdict !== "allow") continue;
      const query = target.indexOf("?");
      judged.push(`GET ${path}${query === -1 ? "" : target.slice(query)} HTTP/1.1`);
      allowed.add(target);
    }
    const sent = vendor.requests.slice(before).map(({ line }) => line);
    expect(sent.sort()).toEqual(judged.sort());
    expect(vendor.strayBytes()).toBe("");
    return allowed;
  }

  test.each(vectors)("E12: $name", ({ target, path }) => {
    const read = readTarget(target);
    expect(typeof read === "string" ? null : read.path).toBe(path);
    if (typeof read === "string") return;
    const query = target.indexOf("?");
    expect(read.query).toBe(query === -1 ? null : target.slice(query + 1));
  });

  test("E12: every vector, through the server", async () => {
    expect(vectors.length).toBeGreaterThan(250);
    const allowed = await expectWireIsPolicy(vectors.map(({ target }) => target));
    const refused = vectors.filter(({ path }) => path === null);
    expect(refused.filter(({ target }) => allowed.has(target))).toEqual([]);
    expect(allowed.size).toBeGreaterThan(5);
  });

  test("E12: random paths, through the server", async () => {
    const asked = [...new Set(fc.sample(targets, RANDOM_TARGETS))];
    const allowed = await expectWireIsPolicy(asked);
    expect(allowed.size).toBeGreaterThan(5);
    expect(vendor.requests.length).toBe(await countAllowed(front));
  });
});
