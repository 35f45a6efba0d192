import { describe, expect, it } from "vitest";
import { describeEndpoint } from "../src/catalogue-entry.ts";
import type { Endpoint } from "../src/operation.ts";
import { VENDORS } from "../src/vendors/index.ts";
import { VENDOR_NAMES, type VendorName } from "../src/vendors/names.ts";

const find = (vendor: VendorName, operation: string): Endpoint => {
  const found = VENDORS[vendor].endpoints.find((endpoint) => endpoint.operation === operation);
  if (found === undefined) expect.fail(`there is no ${operation}`);
  return found;
};
const kindOf = (vendor: VendorName, operation: string) =>
  describeEndpoint(VENDORS[vendor], find(vendor, operation)).kind;

describe("an endpoint in words", () => {
  it.each(VENDOR_NAMES)("every rule of %s's catalogue has words, and no words are left over", (name) => {
    const { endpoints, priceRules } = VENDORS[name];
    expect(new Set(Object.keys(priceRules))).toEqual(new Set(endpoints.map(({ quote }) => quote)));
  });

  it.each(VENDOR_NAMES)(
    "%s's free endpoints move no money, and only what may be called has a price",
    (name) => {
      for (const endpoint of VENDORS[name].endpoints) {
        const { kind, needs } = describeEndpoint(VENDORS[name], endpoint);
        expect(kind === "forbidden", endpoint.operation).toBe(endpoint.forbidden);
        expect(kind === "unpriced", endpoint.operation).toBe(needs !== null);
        if (kind === "read")
          expect(endpoint, endpoint.operation).toMatchObject({ accounted: false, direction: null });
        if (kind === "priced") expect(endpoint.direction, endpoint.operation).not.toBeNull();
      }
    },
  );

  it("tells the five kinds apart", () => {
    expect(kindOf("stripe", "refunds.create")).toBe("priced");
    expect(kindOf("stripe", "customers.retrieve")).toBe("read");
    expect(kindOf("stripe", "issuing.cards.create")).toBe("unpriced");
    expect(kindOf("stripe", "payouts.cancel")).toBe("change");
    expect(kindOf("resend", "emails.update")).toBe("change");
    expect(kindOf("resend", "broadcasts.send")).toBe("unpriced");
    expect(kindOf("resend", "api_keys.create")).toBe("forbidden");
    expect(kindOf("twilio", "lookups.phone_numbers.fetch")).toBe("priced");
    expect(kindOf("twilio", "calls.recordings.create")).toBe("unpriced");
  });
});
