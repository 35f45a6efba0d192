import { type Endpoint, VENDOR_NAMES, type VendorName } from "@keybrake/core";
import { z } from "zod";
import type { AgentIdentity } from "./agent-scope.ts";
import { specOfEndpoint } from "./endpoint-spec.ts";
import type { Parameters } from "./request-encoding.ts";
import { type ToolAnswer, toToolAnswer } from "./tool-answer.ts";
import type { ToolSpec } from "./tool-spec.ts";
import { RESEND_TOOLS } from "./tools/resend.ts";
import { STRIPE_BILLING_TOOLS } from "./tools/stripe-billing.ts";
import { STRIPE_PAYMENT_TOOLS } from "./tools/stripe-payments.ts";
import { TWILIO_TOOLS } from "./tools/twilio.ts";
import { createVendorClient, type VendorClient, type VendorClientOptions } from "./vendor-client.ts";
import { findVendorEndpoint } from "./vendor-endpoint.ts";

/** What is known of one execution of a tool. */
export interface ToolContext extends Partial<Omit<AgentIdentity, "agentId">> {
  readonly signal?: AbortSignal | undefined;
}

/** A tool of one agent, for any framework. */
export interface AgentTool {
  readonly name: string;
  readonly vendor: VendorName;
  readonly operation: string;
  /** For the model: what it does, and what becomes of money. */
  readonly description: string;
  readonly schema: z.ZodObject;
  /** The same schema for frameworks that do not know zod. */
  readonly jsonSchema: JsonSchema;
  /** Checks the arguments, makes the call, and never throws what a model could do something about. */
  execute(args: unknown, context?: ToolContext): Promise<ToolAnswer>;
}

/** A JSON schema of an object. */
export interface JsonSchema {
  readonly type: "object";
  readonly properties: Record<string, unknown>;
  readonly required: string[];
  readonly additionalProperties: boolean;
}

/** Which tools an agent gets. */
export interface AgentToolsOptions extends VendorClientOptions {
  /** Only these vendors' tools: those that the agent has keys for. All when absent. */
  readonly vendors?: readonly VendorName[] | undefined;
  /** Only the tools with these names. An agent that sees fewer tools makes fewer mistakes. */
  readonly tools?: readonly string[] | undefined;
}

/** One tool for an endpoint. */
export interface EndpointToolOptions extends VendorClientOptions {
  /** Needed for the few operations that two vendors have. */
  readonly vendor?: VendorName | undefined;
  /** Instead of the name made of vendor and operation. */
  readonly name?: string | undefined;
  /** Instead of the description made of method and path; what it costs is added all the same. */
  readonly description?: string | undefined;
}

/** The common calls of the three vendors. */
const SPECS: readonly ToolSpec[] = [
  ...STRIPE_PAYMENT_TOOLS,
  ...STRIPE_BILLING_TOOLS,
  ...TWILIO_TOOLS,
  ...RESEND_TOOLS,
];

/** The names of all common tools. */
export const TOOL_NAMES: readonly string[] = SPECS.map(({ name }) => name);

/** Makes an agent's tools for the common calls. Throws a RangeError for a vendor or a tool that does not exist. */
export function createAgentTools(options: AgentToolsOptions): AgentTool[] {
  const { vendors = VENDOR_NAMES, tools = TOOL_NAMES } = options;
  const stray =
    tools.find((name) => !TOOL_NAMES.includes(name)) ?? vendors.find((name) => !VENDOR_NAMES.includes(name));
  if (stray !== undefined)
    throw new RangeError(
      `there is no \`${stray}\`: vendors are ${VENDOR_NAMES.join(", ")}, tools ${TOOL_NAMES.join(", ")}`,
    );
  const client = createVendorClient(options);
  return SPECS.filter(({ name, vendor }) => tools.includes(name) && vendors.includes(vendor)).map((spec) =>
    bind(spec, client),
  );
}

/**
 * Makes an agent's tool for any other endpoint, by operation or by method and path. Throws a RangeError for one that the
 * catalogue does not know or that no vault key can call.
 */
export function createEndpointTool(endpoint: string, options: EndpointToolOptions): AgentTool {
  const spec = specOfEndpoint(findVendorEndpoint(endpoint, options.vendor), options.name);
  const { description = spec.description } = options;
  return bind({ ...spec, description }, createVendorClient(options));
}

function bind(spec: ToolSpec, client: VendorClient): AgentTool {
  const found = findVendorEndpoint(spec.operation, spec.vendor);
  const { name, vendor, operation, schema } = spec;
  const facts = { vendor, operation, agentId: client.agentId, callId: null };
  return {
    name,
    vendor,
    operation,
    description: `${spec.description} ${describeMoney(found.endpoint)}`.trim(),
    schema,
    jsonSchema: z.toJSONSchema(schema, { io: "input" }) as unknown as JsonSchema,
    execute: async (args, context = {}) => {
      const parsed = schema.safeParse(args);
      if (!parsed.success)
        return toToolAnswer({ ...facts, kind: "invalid", reason: z.prettifyError(parsed.error) });
      const given = parsed.data as Parameters;
      const parameters = spec.toParameters?.(given) ?? given;
      return toToolAnswer(await client.call({ endpoint: found, parameters, ...context }));
    },
  };
}

/** What a model should know of a call's money. */
function describeMoney({ direction, accounted, quote }: Endpoint): string {
  if (quote === "unpriced")
    return "Its cost cannot be known beforehand: it is refused unless the policy allows that.";
  if (direction === "in") return "Collects money: the amount counts against this agent's cap.";
  if (direction === "out") return "Money leaves: the amount counts against this agent's cap.";
  if (direction === "fee") return "Costs a fee, which counts against this agent's cap.";
  return accounted ? "Moves no money." : "Reads only.";
}
