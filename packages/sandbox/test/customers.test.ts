import { describe, expect, it } from "vitest";
import { errorOf, openSandbox } from "./sdk.ts";

describe("a customer", () => {
  it("is created, retrieved, updated field by field and deleted", async () => {
    const { stripe } = await openSandbox();
    const created = await stripe.customers.create({
      email: "ada@example.com",
      name: "Ada",
      address: { line1: "1 Road", city: "London" },
      metadata: { a: "1", b: "2" },
    });
    expect(created).toMatchObject({
      object: "customer",
      email: "ada@example.com",
      address: { line1: "1 Road", city: "London" },
      balance: 0,
      livemode: false,
    });
    expect(created.id).toMatch(/^cus_\w{24}$/);
    const updated = await stripe.customers.update(created.id, { name: "", metadata: { b: "", c: "3" } });
    expect(updated).toMatchObject({ email: "ada@example.com", name: null, metadata: { a: "1", c: "3" } });
    expect(updated.metadata).toEqual({ a: "1", c: "3" });
    expect((await stripe.customers.update(created.id, { metadata: "" })).metadata).toEqual({});
    expect(await stripe.customers.del(created.id)).toMatchObject({ id: created.id, deleted: true });
    expect(await stripe.customers.retrieve(created.id)).toMatchObject({ deleted: true });
    expect(await errorOf(stripe.customers.update(created.id, { name: "x" }))).toMatchObject({
      statusCode: 404,
      code: "resource_missing",
    });
  });

  it("is listed by email and searched, while it is there", async () => {
    const { stripe } = await openSandbox();
    const ada = await stripe.customers.create({ email: "ada@example.com", name: "Ada Lovelace" });
    const bob = await stripe.customers.create({ email: "bob@example.com", name: "Bob" });
    expect((await stripe.customers.list({ email: "ada@example.com" })).data.map(({ id }) => id)).toEqual([
      ada.id,
    ]);
    const found = await stripe.customers.search({ query: "name~'love'" });
    expect(found).toMatchObject({ object: "search_result", has_more: false, data: [{ id: ada.id }] });
    await stripe.customers.del(ada.id);
    expect((await stripe.customers.list()).data.map(({ id }) => id)).toEqual([bob.id]);
    expect((await stripe.customers.search({ query: "name~'love'" })).data).toEqual([]);
  });

  it("that does not exist cannot be paid for", async () => {
    const { stripe } = await openSandbox();
    const call = stripe.paymentIntents.create({ amount: 500, currency: "usd", customer: "cus_missing" });
    expect(await errorOf(call)).toMatchObject({
      statusCode: 400,
      code: "resource_missing",
      param: "customer",
    });
  });

  it("is expanded on its payment", async () => {
    const { stripe } = await openSandbox();
    const customer = await stripe.customers.create({ name: "Ada", source: "tok_visa" });
    const intent = await stripe.paymentIntents.create({
      amount: 500,
      currency: "usd",
      customer: customer.id,
      expand: ["customer.default_source"],
    });
    expect(intent.customer).toMatchObject({ id: customer.id, default_source: { object: "card" } });
  });
});
