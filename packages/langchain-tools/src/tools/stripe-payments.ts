import { z } from "zod";
import type { ToolSpec } from "../tool-spec.ts";
import { amount, currency, customer, limit, metadata, startingAfter } from "./stripe-fields.ts";

const paymentIntent = z.string().describe("id of the payment intent, `pi_…`");
const paymentMethod = z.string().describe("id of the payment method, `pm_…`");
const charge = z.string().describe("id of the charge, `ch_…`");

/** Payment intents, charges and refunds. */
export const STRIPE_PAYMENT_TOOLS: readonly ToolSpec[] = [
  {
    name: "stripe_create_payment_intent",
    vendor: "stripe",
    operation: "payment_intents.create",
    description:
      "Creates a payment intent: a payment to be collected from a customer. With `confirm` and a payment method the customer is charged at once.",
    schema: z.strictObject({
      amount,
      currency,
      customer: customer.optional(),
      payment_method: paymentMethod.optional(),
      confirm: z.boolean().optional().describe("true = charge at once; needs `payment_method`"),
      off_session: z.boolean().optional().describe("true = the customer is not there to authenticate"),
      capture_method: z
        .enum(["automatic", "manual"])
        .optional()
        .describe("manual = only hold the amount, to be captured later"),
      description: z.string().max(1_000).optional(),
      receipt_email: z.email().optional().describe("where Stripe sends the receipt"),
      metadata: metadata.optional(),
    }),
    // An agent has no browser that a customer could be sent to.
    toParameters: (args) => ({
      ...args,
      automatic_payment_methods: { enabled: true, allow_redirects: "never" },
    }),
  },
  {
    name: "stripe_confirm_payment_intent",
    vendor: "stripe",
    operation: "payment_intents.confirm",
    description:
      "Confirms a payment intent: the customer is charged, or the amount is held for a manual capture.",
    schema: z.strictObject({ payment_intent: paymentIntent, payment_method: paymentMethod.optional() }),
    toParameters: ({ payment_intent, ...rest }) => ({ intent: payment_intent, ...rest }),
  },
  {
    name: "stripe_capture_payment_intent",
    vendor: "stripe",
    operation: "payment_intents.capture",
    description: "Captures an amount that a payment intent holds (status `requires_capture`).",
    schema: z.strictObject({
      payment_intent: paymentIntent,
      amount_to_capture: amount
        .optional()
        .describe("in the currency's smallest unit; all that is held when absent"),
    }),
    toParameters: ({ payment_intent, ...rest }) => ({ intent: payment_intent, ...rest }),
  },
  {
    name: "stripe_cancel_payment_intent",
    vendor: "stripe",
    operation: "payment_intents.cancel",
    description: "Cancels a payment intent that has not succeeded; an amount that is held is set free.",
    schema: z.strictObject({
      payment_intent: paymentIntent,
      cancellation_reason: z
        .enum(["duplicate", "fraudulent", "requested_by_customer", "abandoned"])
        .optional(),
    }),
    toParameters: ({ payment_intent, ...rest }) => ({ intent: payment_intent, ...rest }),
  },
  {
    name: "stripe_retrieve_payment_intent",
    vendor: "stripe",
    operation: "payment_intents.retrieve",
    description: "Reads one payment intent: amount, status, customer.",
    schema: z.strictObject({ payment_intent: paymentIntent }),
    toParameters: ({ payment_intent }) => ({ intent: payment_intent }),
  },
  {
    name: "stripe_list_payment_intents",
    vendor: "stripe",
    operation: "payment_intents.list",
    description: "Lists payment intents, newest first.",
    schema: z.strictObject({
      customer: customer.optional(),
      limit: limit.optional(),
      starting_after: startingAfter.optional(),
    }),
  },
  {
    name: "stripe_create_refund",
    vendor: "stripe",
    operation: "refunds.create",
    description: "Refunds a payment, in whole or in part, to the card that was charged.",
    schema: z
      .strictObject({
        payment_intent: paymentIntent.optional(),
        charge: charge.optional(),
        amount: amount.optional().describe("in the currency's smallest unit; all that is left when absent"),
        reason: z.enum(["duplicate", "fraudulent", "requested_by_customer"]).optional(),
        metadata: metadata.optional(),
      })
      .refine(
        (args) => (args.payment_intent === undefined) !== (args.charge === undefined),
        "give `payment_intent` or `charge`, one of the two",
      ),
  },
  {
    name: "stripe_retrieve_refund",
    vendor: "stripe",
    operation: "refunds.retrieve",
    description: "Reads one refund: amount and status.",
    schema: z.strictObject({ refund: z.string().describe("id of the refund, `re_…`") }),
  },
  {
    name: "stripe_list_refunds",
    vendor: "stripe",
    operation: "refunds.list",
    description: "Lists refunds, newest first.",
    schema: z.strictObject({
      payment_intent: paymentIntent.optional(),
      charge: charge.optional(),
      limit: limit.optional(),
      starting_after: startingAfter.optional(),
    }),
  },
  {
    name: "stripe_retrieve_charge",
    vendor: "stripe",
    operation: "charges.retrieve",
    description: "Reads one charge: amount, what of it was refunded, customer.",
    schema: z.strictObject({ charge }),
  },
  {
    name: "stripe_list_charges",
    vendor: "stripe",
    operation: "charges.list",
    description: "Lists charges, newest first.",
    schema: z.strictObject({
      customer: customer.optional(),
      payment_intent: paymentIntent.optional(),
      limit: limit.optional(),
      starting_after: startingAfter.optional(),
    }),
  },
];
