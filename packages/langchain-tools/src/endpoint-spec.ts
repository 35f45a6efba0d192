import { type Endpoint, TWILIO_PARAMETERS, type VendorName } from "@keybrake/core";
import { z } from "zod";
import { type Parameters, pathParametersOf } from "./request-encoding.ts";
import type { ToolSpec } from "./tool-spec.ts";
import { amount, currency, limit, startingAfter } from "./tools/stripe-fields.ts";
import type { VendorEndpoint } from "./vendor-endpoint.ts";

type Shape = Readonly<Record<string, z.ZodType>>;

/** Names of tools that the models' providers take. */
const NAME_LENGTH_MAX = 64;
/** Given by the environment, never by a model. */
const ACCOUNT = "AccountSid";

const optionalAmount = amount.optional();
const text = z.string().optional();
const monetary = z.looseObject({ value: amount, currency });

/** What Stripe's money rules read from a request, by quote rule. Stripe has more; the rest is an open record. */
const STRIPE_SHAPES: Readonly<Record<string, Shape>> = {
  amount: { amount, currency },
  signed_amount: {
    amount: z.int().describe("in the currency's smallest unit; negative = a credit to the customer"),
    currency,
  },
  refund: { payment_intent: text, charge: text, amount: optionalAmount },
  rest: { amount: optionalAmount },
  credit_note: { invoice: z.string(), amount: optionalAmount, refund_amount: optionalAmount },
  invoice_item: { customer: text, invoice: text, amount: optionalAmount, currency: currency.optional() },
  climate_order: { amount: optionalAmount, currency: currency.optional() },
  credit_grant: {
    amount: z
      .looseObject({ type: z.literal("monetary"), monetary })
      .describe("what is given to the customer"),
  },
  v2_amount: { amount: monetary },
};

/** The one field of a raised amount, by operation. */
const RAISED: Readonly<Record<string, Shape>> = {
  "payment_intents.confirm": { amount_to_confirm: optionalAmount },
  "payment_intents.capture": { amount_to_capture: optionalAmount },
  "payment_intents.increment_authorization": { amount },
};

const RESEND_SHAPES: Readonly<Record<string, Shape>> = {
  "emails.send": {
    from: z.string(),
    to: z.union([z.string(), z.array(z.string())]),
    subject: z.string(),
    text,
    html: text,
  },
  "emails.batch": { emails: z.array(z.looseObject({})).min(1).max(100).describe("each as for sending one") },
};

/** Describes a tool for any endpoint of a catalogue, from what the catalogue knows of it. */
export function specOfEndpoint({ vendor, endpoint }: VendorEndpoint, name?: string): ToolSpec {
  const inPath = pathParametersOf(endpoint).filter((parameter) => parameter !== ACCOUNT);
  const inRequest = requestSchema(vendor, endpoint);
  const isNeeded = !inRequest.safeParse({}).success;
  const identifiers = inPath.map(
    (parameter) => [parameter, z.string().describe(`identifier in the path`)] as const,
  );
  return {
    name: name ?? `${vendor}_${endpoint.operation.replaceAll(".", "_")}`.slice(0, NAME_LENGTH_MAX),
    vendor,
    operation: endpoint.operation,
    description: `Calls ${endpoint.method} ${endpoint.template.text} of ${vendor}.`,
    schema: z.strictObject({
      ...Object.fromEntries(identifiers),
      parameters: isNeeded ? inRequest : inRequest.optional(),
    }),
    toParameters: ({ parameters, ...path }) => ({ ...(parameters as Parameters | undefined), ...path }),
  };
}

function requestSchema(vendor: VendorName, endpoint: Endpoint): z.ZodObject {
  const documented = vendor === "twilio" ? TWILIO_PARAMETERS[endpoint.quote] : undefined;
  if (documented !== undefined) {
    const value = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).optional();
    return z
      .strictObject(Object.fromEntries([...documented].map((name) => [name, value])))
      .describe("Twilio's own parameters");
  }
  return z
    .looseObject(shapeOf(vendor, endpoint))
    .describe(
      `${vendor}'s own parameters by their own names; amounts of money in the currency's smallest unit`,
    );
}

function shapeOf(vendor: VendorName, endpoint: Endpoint): Shape {
  if (vendor === "resend") return RESEND_SHAPES[endpoint.operation] ?? {};
  if (vendor === "twilio") return {};
  if (endpoint.quote === "raise") return RAISED[endpoint.operation] ?? { amount: optionalAmount };
  if (endpoint.operation.endsWith(".list"))
    return { limit: limit.optional(), starting_after: startingAfter.optional() };
  return STRIPE_SHAPES[endpoint.quote] ?? {};
}
