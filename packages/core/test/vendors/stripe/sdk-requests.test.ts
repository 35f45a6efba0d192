import Stripe from "stripe";
import { describe, expect, it } from "vitest";
import { isMethod } from "../../../src/endpoint.ts";
import type { VendorRequest } from "../../../src/vendors/vendor.ts";
import { operationOf } from "../../stripe-requests.ts";

/** What the installed SDK puts on the wire for a call, as the proxy would hand it to the adapter. */
async function sent(call: (client: Stripe) => Promise<unknown>): Promise<VendorRequest> {
  const requests: Request[] = [];
  const record: typeof fetch = async (input, init) => {
    requests.push(new Request(input as string, init));
    return Response.json({ id: "xx_1", object: "list", data: [], has_more: false });
  };
  const httpClient = Stripe.createFetchHttpClient(record);
  await call(new Stripe("sk_test_0", { httpClient, telemetry: false }));
  const [request] = requests;
  if (request === undefined || !isMethod(request.method)) throw new TypeError("nothing was sent");
  const { pathname, search } = new URL(request.url);
  return {
    method: request.method,
    path: pathname,
    query: search === "" ? null : search.slice(1),
    contentType: request.headers.get("content-type"),
    idempotencyKey: request.headers.get("idempotency-key"),
    account: null,
    body: new Uint8Array(await request.arrayBuffer()),
  };
}

describe("understands what stripe-node sends", () => {
  it.each<[string, (client: Stripe) => Promise<unknown>, operation: string, price: string]>([
    [
      "a payment",
      (client) => client.paymentIntents.create({ amount: 5, currency: "usd", metadata: { a: "b" } }),
      "payment_intents.create",
      "known",
    ],
    [
      "a confirmation",
      (client) => client.paymentIntents.confirm("pi_1"),
      "payment_intents.confirm",
      "lookup",
    ],
    ["a refund", (client) => client.refunds.create({ charge: "ch_1" }), "refunds.create", "lookup"],
    [
      "a reversal",
      (client) => client.transfers.createReversal("tr_1", { amount: 1 }),
      "transfers.reversals.create",
      "lookup",
    ],
    [
      "a cancellation with parameters",
      (client) => client.subscriptions.cancel("sub_1", { invoice_now: true, prorate: true }),
      "subscriptions.delete",
      "lookup",
    ],
    [
      "a deletion with parameters",
      (client) => client.subscriptionItems.del("si_1", { proration_behavior: "none" }),
      "subscription_items.delete",
      "unpriced",
    ],
    ["a deletion", (client) => client.customers.del("cus_1"), "customers.delete", "free"],
    [
      "a subscription",
      (client) =>
        client.subscriptions.create({
          customer: "cus_1",
          items: [{ price: "price_1", quantity: 2 }],
          add_invoice_items: [{ price: "price_2" }],
        }),
      "subscriptions.create",
      "lookup",
    ],
    [
      "a session",
      (client) =>
        client.checkout.sessions.create({
          mode: "payment",
          success_url: "https://example.com",
          line_items: [
            { price_data: { currency: "usd", unit_amount: 5, product_data: { name: "x" } }, quantity: 2 },
          ],
        }),
      "checkout.sessions.create",
      "known",
    ],
    [
      "an invoice's lines",
      (client) => client.invoices.addLines("in_1", { lines: [{ amount: 5, description: "x" }] }),
      "invoices.add_lines",
      "lookup",
    ],
    [
      "an invoice's item",
      (client) => client.invoiceItems.create({ customer: "cus_1", amount: 5, currency: "usd" }),
      "invoiceitems.create",
      "known",
    ],
    [
      "a credit note",
      (client) =>
        client.creditNotes.create({
          invoice: "in_1",
          lines: [{ type: "invoice_line_item", invoice_line_item: "il_1", quantity: 1 }],
        }),
      "credit_notes.create",
      "lookup",
    ],
    ["a list", (client) => client.charges.list({ customer: "cus_1", limit: 3 }), "charges.list", "free"],
    [
      "a search",
      (client) => client.customers.search({ query: "email:'a@example.com'" }),
      "customers.search",
      "free",
    ],
    [
      "a file",
      (client) =>
        client.files.create({
          purpose: "dispute_evidence",
          file: { data: Buffer.from([0, 255, 13, 10]), name: "a.pdf", type: "application/pdf" },
        }),
      "files.create",
      "free",
    ],
    [
      "a list of v2",
      (client) => client.v2.core.events.list({ object_id: "x_1" }),
      "v2.core.events.list",
      "free",
    ],
  ])("%s", async (_what, call, operation, price) => {
    const read = operationOf(await sent(call));
    expect([read.endpoint?.operation, read.price.kind]).toEqual([operation, price]);
    if (read.method === "POST") expect(read.idempotencyKey).not.toBeNull();
  });
});
