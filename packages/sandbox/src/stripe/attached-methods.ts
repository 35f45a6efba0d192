import type { StripeCall } from "./account.ts";
import { findCustomer } from "./customer-reference.ts";
import { invalidRequest, noSuch } from "./error.ts";
import { listObjects, type ObjectList } from "./listing.ts";
import { mergeMetadata, newMetadata } from "./metadata.ts";
import type { PaymentMethod } from "./objects.ts";
import { hash, missing, text } from "./parameters.ts";
import { findPaymentMethod, newPaymentMethod } from "./payment-methods.ts";

/** The endpoints below `/v1/payment_methods`, and those of a customer's. */
export const PAYMENT_METHOD_OPERATIONS = {
  "payment_methods.create": createMethod,
  "payment_methods.retrieve": (call: StripeCall) => requireMethod(call, call.id),
  "payment_methods.update": updateMethod,
  "payment_methods.attach": attachMethod,
  "payment_methods.detach": detachMethod,
  "payment_methods.list": (call: StripeCall) =>
    listMethods(call, text(call.params, "customer"), "/v1/payment_methods"),
  "customers.list_payment_methods": (call: StripeCall) => {
    requireOwner(call, call.id, 404);
    return listMethods(call, call.id, `/v1/customers/${call.id}/payment_methods`);
  },
  "customers.retrieve_payment_method": (call: StripeCall) => {
    const method = requireMethod(call, call.innerId);
    if (method.customer !== call.id) throw noSuch("PaymentMethod", call.innerId, "payment_method", 404);
    return method;
  },
} as const;

function listMethods(call: StripeCall, customer: string | undefined, url: string): ObjectList<PaymentMethod> {
  return listObjects(call, call.account.paymentMethods, {
    url,
    kind: "payment_method",
    equal: ["type"],
    filter: (method) => customer === undefined || method.customer === customer,
  });
}

function createMethod(call: StripeCall): PaymentMethod {
  const { params } = call;
  if (text(params, "type") === undefined) throw missing("type");
  const token = text(hash(params, "card") ?? {}, "token");
  const method = newPaymentMethod(call, text(params, "type") ?? "", token);
  const kept = call.account.paymentMethods.put({ ...method, metadata: newMetadata(params["metadata"]) });
  return kept;
}

function requireMethod(call: StripeCall, id: string): PaymentMethod {
  const method = call.account.paymentMethods.get(id);
  if (method === undefined) throw noSuch("PaymentMethod", id, "payment_method", 404);
  return method;
}

function updateMethod(call: StripeCall): PaymentMethod {
  const method = requireMethod(call, call.id);
  const metadata = mergeMetadata(method.metadata, call.params["metadata"]);
  const changed = call.account.paymentMethods.put({ ...method, metadata });
  call.account.emit(call, "payment_method.updated", changed, { metadata: method.metadata });
  return changed;
}

function requireOwner(call: StripeCall, id: string, status: 400 | 404): string {
  if (findCustomer(call, id) === undefined) throw noSuch("customer", id, "customer", status);
  return id;
}

/** A test id (`pm_card_…`) makes a card of the customer's own. */
function attachMethod(call: StripeCall): PaymentMethod {
  const id = text(call.params, "customer");
  if (id === undefined) throw missing("customer");
  const customer = requireOwner(call, id, 400);
  const method = findPaymentMethod(call, call.id, customer);
  if (method.customer !== null && method.customer !== customer) {
    throw invalidRequest("The payment method you provided has already been attached to a customer.");
  }
  const attached = call.account.paymentMethods.put({ ...method, customer });
  call.account.emit(call, "payment_method.attached", attached);
  return attached;
}

function detachMethod(call: StripeCall): PaymentMethod {
  const method = requireMethod(call, call.id);
  if (method.customer === null) {
    throw invalidRequest(
      "The payment method you provided is not attached to a customer so detachment is impossible.",
    );
  }
  const detached = call.account.paymentMethods.put({ ...method, customer: null });
  call.account.emit(call, "payment_method.detached", detached, { customer: method.customer });
  return detached;
}
