import type { Endpoint } from "./endpoints/endpoint.ts";
import { ENDPOINTS, type Operation } from "./endpoints.ts";
import { unknownUrl } from "./error.ts";
import { type ParameterList, parameterList } from "./parameters.ts";

/** An endpoint with what is needed to check a call of it. */
export interface Route {
  readonly operation: Operation;
  /** The kind of object that it answers with. */
  readonly kind: string;
  /** Whether it answers with a page of them. */
  readonly isPage: boolean;
  readonly parameters: ParameterList;
  /** The parameters for callers of an older API version. */
  readonly olderParameters: ParameterList;
}

const KINDS: Readonly<Record<string, string>> = {
  payment_intents: "payment_intent",
  charges: "charge",
  refunds: "refund",
  transfers: "transfer",
  payouts: "payout",
  customers: "customer",
  balance: "balance",
  balance_transactions: "balance_transaction",
  events: "event",
  products: "product",
  prices: "price",
  checkout_sessions: "checkout.session",
  payment_links: "payment_link",
  invoiceitems: "invoiceitem",
  invoices: "invoice",
  credit_notes: "credit_note",
  subscriptions: "subscription",
  subscription_items: "subscription_item",
  quotes: "quote",
  setup_intents: "setup_intent",
  payment_methods: "payment_method",
  "customers.list_payment_methods": "payment_method",
  "customers.retrieve_payment_method": "payment_method",
  transfer_reversals: "transfer_reversal",
  topups: "topup",
  application_fees: "application_fee",
  fee_refunds: "fee_refund",
  customer_balance_transactions: "customer_balance_transaction",
  disputes: "dispute",
  files: "file",
  issuing_cards: "issuing.card",
  issuing_authorizations: "issuing.authorization",
  treasury_outbound_payments: "treasury.outbound_payment",
  treasury_outbound_transfers: "treasury.outbound_transfer",
  treasury_inbound_transfers: "treasury.inbound_transfer",
  climate_orders: "climate.order",
  terminal_readers: "terminal.reader",
};

const ROUTES = new Map(
  ENDPOINTS.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, routeTo(endpoint)]),
);

/** Where ids stand in a path: `/v1/charges/{id}`, `/v1/climate/orders/{id}`, `/v1/transfers/{id}/reversals/{inner}`. */
const ID_PLACES: readonly (readonly [at: number, innerAt: number | null])[] = [
  [3, null],
  [4, null],
  [3, 5],
];

interface FoundRoute {
  readonly route: Route;
  /** Empty when the path has none. */
  readonly id: string;
  /** The second id of the path; empty when it has none. */
  readonly innerId: string;
}

/** The endpoint at a path, and the ids in it. Throws Stripe's 404. */
export function findRoute(method: string, path: string): FoundRoute {
  // Stripe takes `//v1///charges` for `/v1/charges`.
  const canonical = path.includes("//") ? path.replaceAll(/\/{2,}/g, "/") : path;
  const exact = ROUTES.get(`${method} ${canonical}`);
  if (exact !== undefined) return { route: exact, id: "", innerId: "" };
  const segments = canonical.split("/");
  for (const [at, innerAt] of ID_PLACES) {
    const [id = "", innerId = ""] = [segments[at], innerAt === null ? "" : segments[innerAt]];
    if (id === "" || (innerAt !== null && innerId === "")) continue;
    const template = segments
      .map((segment, index) => (index === at ? "{id}" : index === innerAt ? "{inner}" : segment))
      .join("/");
    const route = ROUTES.get(`${method} ${template}`);
    if (route !== undefined) return { route, id: decodeId(id), innerId: decodeId(innerId) };
  }
  throw unknownUrl(method, path);
}

function routeTo(endpoint: Endpoint & { readonly operation: Operation }): Route {
  const [family = "", verb] = endpoint.operation.split(".");
  const older = `${endpoint.parameters} ${endpoint.parametersBefore20260930 ?? ""}`;
  return {
    operation: endpoint.operation,
    kind: KINDS[endpoint.operation] ?? KINDS[family] ?? family,
    isPage: verb === "search" || (verb ?? "").startsWith("list"),
    parameters: parameterList(endpoint.parameters),
    olderParameters: parameterList(older),
  };
}

function decodeId(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
