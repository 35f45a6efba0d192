import { z } from "zod";
import type { ToolSpec } from "../tool-spec.ts";
import { amount, currency, customer, limit, metadata, startingAfter } from "./stripe-fields.ts";

const invoice = z.string().describe("id of the invoice, `in_…`");
const person = {
  name: z.string().optional(),
  email: z.email().optional(),
  phone: z.string().optional(),
  description: z.string().optional(),
  metadata: metadata.optional(),
};

/** Customers and invoices. */
export const STRIPE_BILLING_TOOLS: readonly ToolSpec[] = [
  {
    name: "stripe_create_customer",
    vendor: "stripe",
    operation: "customers.create",
    description: "Creates a customer.",
    schema: z.strictObject(person),
  },
  {
    name: "stripe_retrieve_customer",
    vendor: "stripe",
    operation: "customers.retrieve",
    description: "Reads one customer.",
    schema: z.strictObject({ customer }),
  },
  {
    name: "stripe_update_customer",
    vendor: "stripe",
    operation: "customers.update",
    description: "Changes a customer; what is not named stays as it is.",
    schema: z.strictObject({ customer, ...person }),
  },
  {
    name: "stripe_list_customers",
    vendor: "stripe",
    operation: "customers.list",
    description: "Lists customers, newest first, or those with one email address.",
    schema: z.strictObject({
      email: z.email().optional(),
      limit: limit.optional(),
      starting_after: startingAfter.optional(),
    }),
  },
  {
    name: "stripe_create_invoice",
    vendor: "stripe",
    operation: "invoices.create",
    description:
      "Creates an empty draft invoice. Then add its items, finalize it, and pay it. Nothing is charged before that.",
    schema: z.strictObject({
      customer,
      collection_method: z
        .enum(["charge_automatically", "send_invoice"])
        .optional()
        .describe("send_invoice = the customer gets a bill to pay; needs `days_until_due`"),
      days_until_due: z.int().min(1).max(365).optional(),
      description: z.string().optional(),
      metadata: metadata.optional(),
    }),
    // One that finalized itself later would charge past every cap.
    toParameters: (args) => ({ ...args, auto_advance: false }),
  },
  {
    name: "stripe_add_invoice_item",
    vendor: "stripe",
    operation: "invoiceitems.create",
    description: "Adds a line to a draft invoice.",
    schema: z.strictObject({
      customer,
      invoice,
      amount,
      currency,
      description: z.string().optional().describe("what the customer reads on the line"),
    }),
  },
  {
    name: "stripe_finalize_invoice",
    vendor: "stripe",
    operation: "invoices.finalize",
    description: "Finalizes a draft invoice: from then on it is owed and cannot be changed.",
    schema: z.strictObject({ invoice }),
    toParameters: (args) => ({ ...args, auto_advance: false }),
  },
  {
    name: "stripe_pay_invoice",
    vendor: "stripe",
    operation: "invoices.pay",
    description: "Charges the customer for a finalized invoice.",
    schema: z.strictObject({
      invoice,
      payment_method: z.string().optional().describe("id of a payment method of the customer, `pm_…`"),
    }),
  },
  {
    name: "stripe_retrieve_invoice",
    vendor: "stripe",
    operation: "invoices.retrieve",
    description: "Reads one invoice: what is due, its status, its lines.",
    schema: z.strictObject({ invoice }),
  },
  {
    name: "stripe_list_invoices",
    vendor: "stripe",
    operation: "invoices.list",
    description: "Lists invoices, newest first.",
    schema: z.strictObject({
      customer: customer.optional(),
      status: z.enum(["draft", "open", "paid", "uncollectible", "void"]).optional(),
      limit: limit.optional(),
      starting_after: startingAfter.optional(),
    }),
  },
];
