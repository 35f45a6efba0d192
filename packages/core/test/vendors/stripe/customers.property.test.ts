import fc from "fast-check";
import { expect, it } from "vitest";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";
import { FUZZ, FUZZ_TIMEOUT_MS } from "../../fuzz.ts";
import { contextOf, isDenial, judge, policyOf, requestOf } from "../../stripe-requests.ts";

const BOUND = policyOf({ allowed_endpoints: ["* /**"], customers: ["cus_mine"], on_unpriced: "allow" });

const part = fc.constantFrom("customer", "metadata", "items", "0", "", "x", "Customer", "owner", "cus_other");
const name = fc
  .tuple(part, fc.array(part, { maxLength: 4 }))
  .map(([root, more]) => root + more.map((text) => `[${text}]`).join(""));
const value = fc
  .tuple(
    fc.constantFrom("", " ", "a ", "\t", "x:", '"', "(", "é", "acct_1,"),
    fc.constantFrom("cus_other", "cus_other2"),
    fc.constantFrom("", " ", ")", '"', "_secret_x", ".", "é", "/x"),
  )
  .map((texts) => texts.join(""));
const path = fc.constantFrom(
  "/v1/payment_intents",
  "/v1/setup_intents",
  "/v1/refunds",
  "/v1/customers/cus_mine",
  "/v1/invoices",
  "/v1/subscriptions",
);

it(
  "a key that is bound to customers never sends a request in which another one stands, however it is written",
  () => {
    let read = 0;
    fc.assert(
      fc.property(path, name, value, fc.boolean(), (to, field, text, isQuery) => {
        const pair = `${encodeURIComponent(field)}=${encodeURIComponent(text)}`;
        const own = "customer=cus_mine&amount=1&currency=usd";
        const request = isQuery
          ? requestOf("GET", to, "", { query: `customer=cus_mine&${pair}` })
          : requestOf("POST", to, `${own}&${pair}`);
        expect(judge(request, BOUND)).not.toBe("allow");
        const operation = stripe.readOperation(request, contextOf());
        if (isDenial(operation)) return;
        read++;
        expect(operation.customers.named.some((id) => id.startsWith("cus_other"))).toBe(true);
      }),
      FUZZ,
    );
    expect(read, "the property must reach what it claims").toBeGreaterThan(FUZZ.numRuns / 10);
  },
  FUZZ_TIMEOUT_MS,
);
