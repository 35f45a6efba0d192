import { describe, expect, inject, it } from "vitest";
import { z } from "zod";
import { createAgentTools, createVendorClient, KeybrakeToolkit, TOOL_NAMES } from "../src/index.ts";
import { createTestAgent, type TestAgent } from "./support/stage.ts";

type Args = Readonly<Record<string, unknown>>;
type Use = (name: string, args: Args) => Promise<Readonly<Record<string, string>>>;

const CARD = { currency: "usd", payment_method: "pm_card_visa" };
const MAIL = { from: "crew@example.com", to: ["ada@example.com"], subject: "hello", text: "hello" };
const FROM = "+15005550006";
const TO = "+14155552671";
/** The code of every verification of the fake Twilio. */
const CODE = "123456";

/** Tools that belong together, in the order in which they need each other. */
const FLOWS: Readonly<Record<string, (use: Use) => Promise<unknown>>> = {
  payments: async (use) => {
    const { id: customer = "" } = await use("stripe_create_customer", {
      name: "Ada",
      email: "ada@example.com",
    });
    const metadata = { order: "7" };
    const held = { ...CARD, amount: 2_000, customer, confirm: true, capture_method: "manual", metadata };
    const { id: payment_intent } = await use("stripe_create_payment_intent", held);
    await use("stripe_capture_payment_intent", { payment_intent, amount_to_capture: 1_900 });
    const { latest_charge: charge } = await use("stripe_retrieve_payment_intent", { payment_intent });
    await use("stripe_retrieve_charge", { charge });
    await use("stripe_list_charges", { customer, limit: 3 });
    const { id: refund } = await use("stripe_create_refund", {
      payment_intent,
      amount: 500,
      reason: "requested_by_customer",
    });
    await use("stripe_retrieve_refund", { refund });
    await use("stripe_list_refunds", { payment_intent });
    const { id: open } = await use("stripe_create_payment_intent", {
      amount: 900,
      currency: "usd",
      customer,
    });
    await use("stripe_confirm_payment_intent", { payment_intent: open, payment_method: "pm_card_visa" });
    const { id: dropped } = await use("stripe_create_payment_intent", { amount: 900, currency: "usd" });
    await use("stripe_cancel_payment_intent", {
      payment_intent: dropped,
      cancellation_reason: "abandoned",
    });
    await use("stripe_list_payment_intents", { customer });
  },
  invoices: async (use) => {
    const { id: customer = "" } = await use("stripe_create_customer", { email: "bob@example.com" });
    await use("stripe_update_customer", { customer, name: "Bob", metadata: { tier: "gold" } });
    await use("stripe_retrieve_customer", { customer });
    await use("stripe_list_customers", { email: "bob@example.com" });
    const { id: invoice } = await use("stripe_create_invoice", { customer, description: "October" });
    await use("stripe_add_invoice_item", { customer, invoice, amount: 4_200, currency: "usd" });
    await use("stripe_finalize_invoice", { invoice });
    await use("stripe_pay_invoice", { invoice, payment_method: "pm_card_visa" });
    expect(await use("stripe_retrieve_invoice", { invoice })).toMatchObject({ status: "paid" });
    await use("stripe_list_invoices", { customer, status: "paid" });
  },
  messages: async (use) => {
    const { sid: message_sid } = await use("twilio_send_sms", { to: TO, from: FROM, body: "hello" });
    await use("twilio_fetch_message", { message_sid });
    await use("twilio_send_whatsapp", { to: TO, from: FROM, body: "hello" });
    await use("twilio_lookup_phone_number", { phone_number: TO, fields: ["line_type_intelligence"] });
  },
  mails: async (use) => {
    const { id: email } = await use("resend_send_email", { ...MAIL, cc: ["bob@example.com"] });
    await use("resend_retrieve_email", { email });
    await use("resend_send_email_batch", { emails: [MAIL, { ...MAIL, subject: "again" }] });
  },
  verifications: async (use) => {
    const service_sid = inject("keybrake").verifyService;
    await use("twilio_start_verification", { service_sid, to: TO, channel: "sms" });
    expect(await use("twilio_check_verification", { service_sid, to: TO, code: CODE })).toMatchObject({
      status: "approved",
    });
  },
};

const used = new Set<string>();

function userOf(agent: TestAgent): Use {
  const tools = createAgentTools(agent);
  return async (name, args) => {
    used.add(name);
    const answer = await tools.find((tool) => tool.name === name)?.execute(args);
    expect(`${name}: ${answer?.artifact.error} ${answer?.isError ? answer.content : ""}`).toBe(
      `${name}: null `,
    );
    return JSON.parse(answer?.content ?? "") as Record<string, string>;
  };
}

describe.concurrent("every common tool makes a call that passes Keybrake and that the vendor accepts", () => {
  it.each(Object.keys(FLOWS))("%s", async (flow) => {
    const agent = await createTestAgent("crew", { vendors: ["stripe", "twilio", "resend"] });
    await FLOWS[flow]?.(userOf(agent));
    const rows = await agent.rows();
    expect(rows.filter(({ state }) => state === "denied")).toEqual([]);
  });
});

it("no common tool is left out above", () => {
  expect([...used].sort()).toEqual([...TOOL_NAMES].sort());
});

describe("what a model is told", () => {
  const options = { agentId: "billing_agent", environment: {} };
  const tools = createAgentTools(options);

  it("every argument that is no plain identifier or text has a description, and money has its unit", () => {
    for (const { name, jsonSchema, description } of tools) {
      expect(jsonSchema, name).toMatchObject({ type: "object", additionalProperties: false });
      expect(description, name).toMatch(/cap\.$|Moves no money\.$|Reads only\.$/);
      for (const [field, schema] of Object.entries(jsonSchema.properties)) {
        if (/amount/.test(field))
          expect(schema, `${name}.${field}`).toMatchObject({
            type: "integer",
            description: expect.stringMatching(/smallest unit/),
          });
      }
    }
  });

  it.each<[string, Args, RegExp]>([
    ["stripe_create_payment_intent", { amount: 10.5, currency: "usd" }, /amount/],
    ["stripe_create_payment_intent", { amount: 1_050, currency: "usd", ammount_usd: 10 }, /ammount_usd/],
    ["stripe_create_refund", { amount: 500 }, /`payment_intent` or `charge`/],
    ["stripe_retrieve_customer", { customer: "../charges" }, /`customer` must be an identifier/],
    ["twilio_send_sms", { to: "4155552671", from: FROM, body: "hello" }, /to/],
    ["resend_send_email", { ...MAIL, text: undefined }, /`text` or `html`/],
  ])("%s is not called with what cannot be right", async (name, args, problem) => {
    const answer = await tools.find((tool) => tool.name === name)?.execute(args);
    expect(answer).toMatchObject({ isError: true, artifact: { error: "invalid_arguments" } });
    expect(answer?.content).toMatch(problem);
  });

  it("only the tools that were asked for, and a name that does not exist is an error", () => {
    expect(
      new KeybrakeToolkit({ ...options, vendors: ["resend"] }).getTools().map(({ name }) => name),
    ).toEqual(["resend_send_email", "resend_send_email_batch", "resend_retrieve_email"]);
    const one = new KeybrakeToolkit({ ...options, tools: ["stripe_create_refund"] }).tools;
    expect(one.map(({ name }) => name)).toEqual(["stripe_create_refund"]);
    expect(() => createAgentTools({ ...options, tools: ["stripe_print_money"] })).toThrow(
      /stripe_print_money/,
    );
    expect(() => createAgentTools({ ...options, agentId: "billing agent" })).toThrow(/no agent id/);
  });

  it("no client secret, with which anybody could confirm a payment past Keybrake", async () => {
    const agent = await createTestAgent("billing_agent");
    const [create] = createAgentTools({ ...agent, tools: ["stripe_create_payment_intent"] });
    const answer = await create?.execute({ amount: 900, currency: "usd" });
    expect(answer?.content).toMatch(/"status":"requires_payment_method"/);
    expect(JSON.stringify(answer)).not.toMatch(/_secret/);
    // A program that has a use for it asks without a tool.
    const parameters = { amount: 900, currency: "usd" };
    const outcome = await createVendorClient(agent).call({ endpoint: "payment_intents.create", parameters });
    expect(outcome).toMatchObject({ data: { client_secret: expect.stringMatching(/_secret_/) } });
  });

  it("schemas that providers take: objects without references", () => {
    for (const { schema } of tools) {
      expect(schema).toBeInstanceOf(z.ZodObject);
      expect(JSON.stringify(z.toJSONSchema(schema, { io: "input" }))).not.toMatch(/"\$ref"/);
    }
  });
});
