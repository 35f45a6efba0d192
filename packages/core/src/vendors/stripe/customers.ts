import type { FormField } from "../../form.ts";
import type { CustomerScope, Endpoint, OwnedObject } from "../../operation.ts";
import { LOOKUP_READS_MAX } from "../../operation.ts";
import type { VendorAnswer } from "../vendor.ts";
import { isObject, parseObject, readText, type StripeObject } from "./json-object.ts";
import { type Parameters, partsOf } from "./parameters.ts";
import { readOf } from "./price.ts";

/** Where an object of a kind is read, and what must be expanded to see its owner. */
interface Kind {
  readonly path: string;
  readonly expand: readonly string[];
}

const kind = (path: string, ...expand: readonly string[]): Kind => ({ path, expand });
const CHARGE = kind("/v1/charges/");
const DISPUTE = kind("/v1/disputes/", "charge");
const FEE = kind("/v1/application_fees/", "charge");
const METHOD = kind("/v1/payment_methods/");
const REFUND = kind("/v1/refunds/", "charge", "payment_intent");
const ITEM = kind("/v1/subscription_items/");

/** Kinds by the prefix of their ids. */
const BY_PREFIX: Readonly<Record<string, Kind>> = {
  ba: METHOD,
  card: METHOD,
  ch: CHARGE,
  cn: kind("/v1/credit_notes/"),
  credgr: kind("/v1/billing/credit_grants/"),
  cs: kind("/v1/checkout/sessions/"),
  dp: DISPUTE,
  du: DISPUTE,
  fca: kind("/v1/financial_connections/accounts/"),
  fee: FEE,
  ii: kind("/v1/invoiceitems/"),
  in: kind("/v1/invoices/"),
  inpay: kind("/v1/invoice_payments/", "invoice"),
  mandate: kind("/v1/mandates/", "payment_method"),
  pi: kind("/v1/payment_intents/"),
  pm: METHOD,
  py: CHARGE,
  pyr: REFUND,
  qt: kind("/v1/quotes/"),
  re: REFUND,
  seti: kind("/v1/setup_intents/"),
  si: ITEM,
  src: kind("/v1/sources/"),
  sub: kind("/v1/subscriptions/"),
  sub_sched: kind("/v1/subscription_schedules/"),
  taxcalc: kind("/v1/tax/calculations/"),
  tax: kind("/v1/tax/transactions/"),
  txi: kind("/v1/tax_ids/"),
  txn: kind("/v1/balance_transactions/", "source"),
  vs: kind("/v1/identity/verification_sessions/"),
};

/** Kinds by the catalogue's names of path parameters: there, an id needs no known prefix. */
const BY_PARAMETER: Readonly<Record<string, Kind>> = {
  balance_transaction: kind("/v1/balance_transactions/", "source"),
  charge: CHARGE,
  connected_account: kind("/v1/financial_connections/accounts/"),
  connection_session: kind("/v1/financial_connections/sessions/"),
  credit_grant: kind("/v1/billing/credit_grants/"),
  credit_note: kind("/v1/credit_notes/"),
  dispute: DISPUTE,
  fee: FEE,
  intent: kind("/v1/payment_intents/"),
  invoice: kind("/v1/invoices/"),
  invoice_item: kind("/v1/invoiceitems/"),
  invoice_payment: kind("/v1/invoice_payments/", "invoice"),
  mandate: kind("/v1/mandates/", "payment_method"),
  outbound_payment: kind("/v1/treasury/outbound_payments/"),
  payment_method: METHOD,
  quote: kind("/v1/quotes/"),
  refund: REFUND,
  schedule: kind("/v1/subscription_schedules/"),
  session: kind("/v1/checkout/sessions/"),
  setup_intent: kind("/v1/setup_intents/"),
  source: kind("/v1/sources/"),
  subscription: kind("/v1/subscriptions/"),
  subscription_item: ITEM,
  tax_calculation: kind("/v1/tax/calculations/"),
  tax_id: kind("/v1/tax_ids/"),
  tax_transaction: kind("/v1/tax/transactions/"),
  verification_session: kind("/v1/identity/verification_sessions/"),
};

const WORD = /[A-Za-z0-9_]+/g;
const CUSTOMER = /^cus_[A-Za-z0-9]+/;
const OWNED = /^([a-z]+(?:_sched)?)_([A-Za-z0-9_]+)$/;
/** Stripe's payment methods for tests (`pm_card_visa`): nobody's, and only in test mode. */
const TEST_METHOD = /^pm_card_[A-Za-z_]+$/;
/** Values of Stripe's own vocabulary that look like ids. */
const VOCABULARY = new Set(["card_present", "in_app", "in_person", "in_store"]);
/** The names under which a request names a customer, whatever the id looks like. */
const CUSTOMER_FIELDS = new Set([
  "customer",
  "customer_account",
  "related_customer",
  "related_customer_account",
]);

/**
 * Whom a request touches: every customer that stands anywhere in it, every object of somebody's, and whether it is
 * bound to them at all. What cannot be told is open, so that a key that is bound to customers may not call it.
 */
export function readCustomerScope(
  endpoint: Endpoint | null,
  target: string,
  parameters: Parameters,
): CustomerScope {
  const fields =
    parameters.fields === parameters.query ? parameters.query : [...parameters.query, ...parameters.fields];
  const named = new Set<string>();
  for (const word of target.match(WORD) ?? []) addCustomer(named, word);
  const inPath = parameters.path.get("customer");
  if (inPath !== undefined) named.add(inPath);
  const owned = new Map<string, OwnedObject>();
  const first = inPath === undefined ? firstOwned(parameters.path) : null;
  if (first !== null) owned.set(first.objectId, first);
  for (const field of fields) readField(field, named, owned, parameters.path);
  const isTooMany = owned.size > LOOKUP_READS_MAX;
  return {
    named: [...named],
    owned: isTooMany ? [] : [...owned.values()],
    isOpen: isTooMany || !isBound(endpoint, parameters, first !== null || inPath !== undefined),
  };
}

function addCustomer(named: Set<string>, word: string): void {
  const id = CUSTOMER.exec(word)?.[0];
  if (id !== undefined) named.add(id);
}

/** Behind the first owned object of a path stand only its own parts, which Stripe looks up inside of it. */
function firstOwned(path: ReadonlyMap<string, string>): OwnedObject | null {
  for (const [name, id] of path) {
    const found = BY_PARAMETER[name];
    if (found !== undefined) return ownedObject(id, found);
  }
  return null;
}

function ownedObject(id: string, { path, expand }: Kind): OwnedObject {
  return { objectId: id, read: readOf(path + id, ...expand) };
}

function readField(
  { name, value }: FormField,
  named: Set<string>,
  owned: Map<string, OwnedObject>,
  path: ReadonlyMap<string, string>,
): void {
  const last = partsOf(name).at(-1) ?? "";
  if (CUSTOMER_FIELDS.has(last.trim().toLowerCase()) && value !== "") named.add(value);
  for (const word of [...(name.match(WORD) ?? []), ...(value.match(WORD) ?? [])]) {
    addCustomer(named, word);
    const id = word.replace(/_secret_.*$/, "");
    const prefix = OWNED.exec(id)?.[1];
    const found = prefix === undefined ? undefined : BY_PREFIX[prefix];
    // Stripe looks an item up inside of the subscription that the path names.
    const isInside = found === ITEM && path.has("subscription");
    // Within a text or a name, a word without a digit or a capital is a word (`tax_rates`); alone, it is an id.
    const isWord = VOCABULARY.has(id) || (word !== value && !/[0-9A-Z]/.test(id));
    if (found !== undefined && !isInside && !isWord && !TEST_METHOD.test(id))
      owned.set(id, ownedObject(id, found));
  }
}

/** A call is bound when what it touches hangs on a customer or on an object of somebody's that it names. */
function isBound(endpoint: Endpoint | null, parameters: Parameters, isPathOwned: boolean): boolean {
  const owner = endpoint?.options.get("owner");
  if (owner === undefined) return false;
  if (owner === "nobody") return true;
  if (owner === "path") return isPathOwned;
  return owner.split("+").some((name) => {
    const value = parameters.values.get(name) ?? "";
    if (CUSTOMER_FIELDS.has(partsOf(name).at(-1) ?? "")) return value !== "";
    const prefix = OWNED.exec(value)?.[1];
    return prefix !== undefined && BY_PREFIX[prefix] !== undefined && !TEST_METHOD.test(value);
  });
}

/** Where an object's owner stands in it. */
const OWNERS: readonly (readonly string[])[] = [
  ["customer"],
  ["customer_account"],
  ["related_customer"],
  ["charge", "customer"],
  ["payment_intent", "customer"],
  ["invoice", "customer"],
  ["payment_method", "customer"],
  ["source", "customer"],
  ["owner", "customer"],
  ["account_holder", "customer"],
];

/** The customer that an object belongs to by the answer to its read; null when it says none. */
export function readStripeOwner(_object: OwnedObject, answer: VendorAnswer): string | null {
  const object = answer.status === 200 ? parseObject(answer.body) : null;
  if (object === null) return null;
  for (const path of OWNERS) {
    const owner = readText(valueAt(object, path));
    if (owner !== null) return owner;
  }
  return null;
}

function valueAt(object: StripeObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), object);
}
