import { ENDPOINTS, type Endpoint, type Operation } from "./endpoints.ts";
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
};

const ROUTES = new Map(
  ENDPOINTS.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, routeTo(endpoint)]),
);

/** The endpoint at a path, and the id in it (empty when there is none). Throws Stripe's 404. */
export function findRoute(method: string, path: string): { route: Route; id: string } {
  // Stripe takes `//v1///charges` for `/v1/charges`.
  const canonical = path.includes("//") ? path.replaceAll(/\/{2,}/g, "/") : path;
  const exact = ROUTES.get(`${method} ${canonical}`);
  if (exact !== undefined) return { route: exact, id: "" };
  const [, version, family, id = "", ...rest] = canonical.split("/");
  const tail = rest.length === 0 ? "" : `/${rest.join("/")}`;
  const route = ROUTES.get(`${method} /${version}/${family}/{id}${tail}`);
  if (route === undefined || id === "") throw unknownUrl(method, path);
  return { route, id: decodeId(id) };
}

function routeTo(endpoint: Endpoint & { readonly operation: Operation }): Route {
  const [family = "", verb] = endpoint.operation.split(".");
  const older = `${endpoint.parameters} ${endpoint.parametersBefore20260930 ?? ""}`;
  return {
    operation: endpoint.operation,
    kind: KINDS[family] ?? family,
    isPage: verb === "list" || verb === "search",
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
