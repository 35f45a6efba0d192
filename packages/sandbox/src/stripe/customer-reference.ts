import type { StripeCall } from "./account.ts";
import { noSuch } from "./error.ts";
import type { Customer } from "./objects.ts";
import { text } from "./parameters.ts";

/** The customer with this id, undefined when there is none or it was deleted. */
export function findCustomer(call: StripeCall, id: string): Customer | undefined {
  const customer = call.account.customers.get(id);
  return customer === undefined || "deleted" in customer ? undefined : customer;
}

/** The id in the `customer` parameter, null when absent. Throws `resource_missing` when there is no such customer. */
export function requireCustomer(call: StripeCall): string | null {
  const id = text(call.params, "customer");
  if (id === undefined) return null;
  if (findCustomer(call, id) === undefined) throw noSuch("customer", id, "customer", 400);
  return id;
}
