import { VENDOR_NAMES, VENDORS } from "@keybrake/core";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { convertToOpenAITool } from "@langchain/core/utils/function_calling";
import { createAgent } from "langchain";
import { describe, expect, it } from "vitest";
import { createEndpointTool, findVendorEndpoint, keybrakeTool } from "../src/index.ts";
import { scriptedModel } from "./support/scripted-model.ts";
import { createTestAgent } from "./support/stage.ts";

const NOBODY = { agentId: "billing_agent", environment: {} };
const ALL = VENDOR_NAMES.flatMap((vendor) =>
  VENDORS[vendor].endpoints.map((endpoint) => ({ vendor, endpoint })),
);

describe("a tool for any endpoint", () => {
  it("there is one for every endpoint that a key can call, with a name of its own", () => {
    const names = new Set<string>();
    for (const { vendor, endpoint } of ALL.filter((entry) => !entry.endpoint.forbidden)) {
      const { name, jsonSchema } = createEndpointTool(`${endpoint.method} ${endpoint.template.text}`, {
        ...NOBODY,
        vendor,
      });
      expect(name).toMatch(/^[a-z0-9_]{1,64}$/);
      expect(names, name).not.toContain(name);
      names.add(name);
      const inPath = [...endpoint.template.text.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      const asked = inPath.filter((parameter) => parameter !== "AccountSid");
      expect(jsonSchema.required).toEqual(expect.arrayContaining(asked));
      expect(Object.keys(jsonSchema.properties)).toEqual([...asked, "parameters"]);
    }
    expect(names.size).toBeGreaterThan(900);
  });

  it("there is none for what hands out credentials, and the error says why", () => {
    const forbidden = ALL.filter(({ endpoint }) => endpoint.forbidden);
    expect(forbidden.length).toBeGreaterThan(100);
    for (const { vendor, endpoint } of forbidden) {
      const name = `${endpoint.method} ${endpoint.template.text}`;
      expect(() => keybrakeTool(name, { ...NOBODY, vendor }), name).toThrow(/no vault key can call it/);
    }
  });

  it.each([
    ["payment_intents.print", /there are `payment_intents\.list`/],
    ["POST /v1/payment_intent", /no endpoint `POST \/v1\/payment_intent`/],
    ["events.list", /an operation of stripe and resend: say which `vendor`/],
  ])("there is none for `%s`", (name, problem) => {
    expect(() => keybrakeTool(name, NOBODY)).toThrow(problem);
  });

  it("names of identifiers do not matter, and methods do", () => {
    const found = findVendorEndpoint("POST /v1/payment_intents/{id}/capture");
    expect(found).toEqual(findVendorEndpoint("payment_intents.capture"));
    expect(findVendorEndpoint("GET /v1/customers/*").endpoint.operation).toBe("customers.retrieve");
    expect(findVendorEndpoint("GET /2010-04-01/Accounts/*/Messages/*.json").endpoint.operation).toBe(
      "messages.fetch",
    );
    expect(findVendorEndpoint("events.list", "resend").vendor).toBe("resend");
  });

  it("says what becomes of money, and asks for what the price needs", () => {
    const schemaOf = (name: string) => createEndpointTool(name, NOBODY).jsonSchema.properties["parameters"];
    expect(createEndpointTool("transfers.create", NOBODY).description).toMatch(
      /^Calls POST \/v1\/transfers of stripe\. Money leaves/,
    );
    expect(createEndpointTool("calls.create", NOBODY).description).toMatch(/Costs a fee/);
    expect(createEndpointTool("issuing.cards.create", NOBODY).description).toMatch(
      /cannot be known beforehand/,
    );
    expect(schemaOf("payouts.create")).toMatchObject({
      required: ["amount", "currency"],
      additionalProperties: {},
    });
    expect(schemaOf("payment_intents.capture")).toMatchObject({
      properties: { amount_to_capture: { type: "integer" } },
    });
    // Another parameter would make the call unpriced.
    expect(schemaOf("calls.create")).toMatchObject({
      additionalProperties: false,
      properties: { TimeLimit: expect.anything() },
    });
  });

  it("is a function as providers want it", () => {
    const { function: described } = convertToOpenAITool(keybrakeTool("quotes.accept", NOBODY) as never);
    expect(described).toMatchObject({
      name: "stripe_quotes_accept",
      parameters: { type: "object", required: ["quote"], properties: { quote: { type: "string" } } },
    });
  });

  it("makes the call, with lists, maps and unset values as the vendor wants them", async () => {
    const agent = await createTestAgent("billing_agent");
    const tools = [keybrakeTool("POST /v1/customers", agent), keybrakeTool("customers.update", agent)];
    const address = { line1: "1 Main St", city: "Springfield" };
    const create = { name: "Ada & Co", preferred_locales: ["en", "de"], address, metadata: { tier: "gold" } };
    const model = scriptedModel([{ name: "stripe_customers_create", args: { parameters: create } }], "done");
    const { messages } = await createAgent({ model, tools }).invoke({ messages: [new HumanMessage("go")] });
    const customer = messages.find((message) => ToolMessage.isInstance(message))?.artifact.data as {
      id: string;
    };
    expect(customer).toMatchObject({ name: "Ada & Co", preferred_locales: ["en", "de"], address });
    expect(customer).toMatchObject({ metadata: { tier: "gold", agent_id: agent.agentId } });
    const update = createEndpointTool("customers.update", agent);
    const answer = await update.execute({ customer: customer.id, parameters: { metadata: { tier: "" } } });
    expect(answer.artifact.data).toMatchObject({ metadata: { agent_id: agent.agentId } });
    expect(answer.content).not.toMatch(/tier/);
  });
});
