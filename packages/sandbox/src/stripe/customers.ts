import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { findCustomer } from "./customer-reference.ts";
import { noSuch } from "./error.ts";
import { randomText } from "./ids.ts";
import { listObjects } from "./listing.ts";
import { mergeMetadata, newMetadata } from "./metadata.ts";
import type { Customer, DeletedCustomer } from "./objects.ts";
import { hash, integer, text, updated } from "./parameters.ts";
import { findPaymentMethod, findSource } from "./payment-methods.ts";
import { searchObjects } from "./search.ts";

/** The endpoints below `/v1/customers`. */
export const CUSTOMER_OPERATIONS = {
  "customers.create": createCustomer,
  "customers.retrieve": retrieveCustomer,
  "customers.update": updateCustomer,
  "customers.delete": deleteCustomer,
  "customers.list": (call: StripeCall) =>
    listObjects(call, call.account.customers, {
      url: "/v1/customers",
      kind: "customer",
      equal: ["email", "test_clock"],
      ranges: ["created"],
      filter: (customer) => !("deleted" in customer),
    }),
  "customers.search": (call: StripeCall) =>
    searchObjects(call, call.account.customers, {
      url: "/v1/customers/search",
      fields: ["created", "email", "name", "phone"],
    }),
} as const;

const NO_INVOICE_SETTINGS: JsonObject = Object.freeze({
  custom_fields: null,
  default_payment_method: null,
  footer: null,
  rendering_options: null,
});

function createCustomer(call: StripeCall): Customer {
  const { account, params } = call;
  const id = account.customers.newId("cus");
  const metadata = newMetadata(params["metadata"]);
  const source = findSource(call, params, id);
  const methodId = text(params, "payment_method");
  const method = methodId === undefined ? undefined : findPaymentMethod(call, methodId, id);
  for (const card of [source, method]) if (card !== undefined) account.paymentMethods.put(card);
  const customer: Customer = {
    id,
    object: "customer",
    address: hash(params, "address") ?? null,
    balance: integer(params, "balance") ?? 0,
    created: call.now,
    currency: null,
    customer_account: null,
    default_source: source?.id ?? null,
    delinquent: false,
    description: text(params, "description") ?? null,
    discount: null,
    email: text(params, "email") ?? null,
    invoice_prefix: text(params, "invoice_prefix") ?? randomText(8).toUpperCase(),
    invoice_settings: { ...NO_INVOICE_SETTINGS, ...hash(params, "invoice_settings") },
    livemode: false,
    metadata,
    name: text(params, "name") ?? null,
    next_invoice_sequence: integer(params, "next_invoice_sequence") ?? 1,
    phone: text(params, "phone") ?? null,
    preferred_locales: params["preferred_locales"] ?? [],
    shipping: hash(params, "shipping") ?? null,
    tax_exempt: text(params, "tax_exempt") ?? "none",
    test_clock: null,
  };
  account.customers.put(customer);
  account.emit(call, "customer.created", customer);
  return customer;
}

/** A deleted customer is still there, as a stub. */
function retrieveCustomer(call: StripeCall): Customer | DeletedCustomer {
  const customer = call.account.customers.get(call.id);
  if (customer === undefined) throw noSuch("customer", call.id, "id", 404);
  return customer;
}

function requireLiving(call: StripeCall): Customer {
  const customer = findCustomer(call, call.id);
  if (customer === undefined) throw noSuch("customer", call.id, "id", 404);
  return customer;
}

function updateCustomer(call: StripeCall): Customer {
  const { account, params } = call;
  const customer = requireLiving(call);
  const metadata = mergeMetadata(customer.metadata, params["metadata"]);
  const source = findSource(call, params, customer.id);
  if (source !== undefined) account.paymentMethods.put(source);
  const changed: Customer = {
    ...customer,
    address: updated(params, "address", customer.address),
    balance: integer(params, "balance") ?? customer.balance,
    default_source: source?.id ?? updated(params, "default_source", customer.default_source),
    description: updated(params, "description", customer.description),
    email: updated(params, "email", customer.email),
    invoice_prefix: text(params, "invoice_prefix") ?? customer.invoice_prefix,
    invoice_settings: { ...customer.invoice_settings, ...hash(params, "invoice_settings") },
    metadata,
    name: updated(params, "name", customer.name),
    next_invoice_sequence: integer(params, "next_invoice_sequence") ?? customer.next_invoice_sequence,
    phone: updated(params, "phone", customer.phone),
    preferred_locales: params["preferred_locales"] ?? customer.preferred_locales,
    shipping: updated(params, "shipping", customer.shipping),
    tax_exempt: text(params, "tax_exempt") ?? customer.tax_exempt,
  };
  account.customers.put(changed);
  account.emit(call, "customer.updated", changed);
  return changed;
}

function deleteCustomer(call: StripeCall): DeletedCustomer {
  const customer = requireLiving(call);
  call.account.emit(call, "customer.deleted", customer);
  const stub: DeletedCustomer = { id: customer.id, object: "customer", deleted: true };
  call.account.customers.put(stub);
  return stub;
}
