import { type Denial, deny } from "../../denial.ts";
import { type FormField, rootOf } from "../../form.ts";
import type { Operation } from "../../operation.ts";
import type { ReadingContext, VendorRequest } from "../vendor.ts";
import { findStripeEndpoint } from "./catalogue.ts";
import { readCustomerScope } from "./customers.ts";
import { demandsOf } from "./demands.ts";
import { findExpansionProblem } from "./expansions.ts";
import { readParameters } from "./parameters.ts";
import { FREE } from "./price.ts";
import { quote } from "./quote.ts";

const METADATA_FIELDS_MAX = 50;

/** Understands a request to Stripe, or says why it cannot be understood in exactly one way. */
export function readStripeOperation(request: VendorRequest, context: ReadingContext): Operation | Denial {
  const found = findStripeEndpoint(request.method, request.path);
  const endpoint = found?.endpoint ?? null;
  const parameters = readParameters(request, endpoint, found?.parameters ?? new Map());
  if ("code" in parameters) return parameters;
  const { fields, query, values } = parameters;
  // Keybrake's own reads expand what tells an owner; an agent's may not show more than the object itself.
  const hidden =
    context.policy === null ? null : findExpansionProblem(fields === query ? query : [...query, ...fields]);
  if (hidden !== null) return hidden;
  if (fields.some(({ name }) => rootOf(name) === "file_link_data"))
    return deny("endpoint_forbidden", "`file_link_data` makes a public link to a file");
  const priced =
    endpoint === null ? FREE : quote({ endpoint, target: request.path, parameters, pricing: context });
  if ("code" in priced) return priced;
  return {
    vendor: "stripe",
    method: request.method,
    path: request.path,
    query: request.query,
    endpoint,
    price: priced.price,
    exposureId: priced.exposureId,
    account: request.account,
    host: endpoint?.options.get("host") ?? "main",
    contentType: parameters.contentType,
    demands: demandsOf(request, endpoint, parameters),
    customers: readCustomerScope(endpoint, request.path, parameters),
    additions: new Map(),
    customerId: parameters.path.get("customer") ?? values.get("customer") ?? null,
    idempotencyKey: readIdempotencyKey(request),
    metadata: readMetadata(request.method === "GET" ? [] : fields),
  };
}

/** Stripe takes a key with what can write; an empty one is none. */
function readIdempotencyKey({ method, idempotencyKey }: VendorRequest): string | null {
  return (method === "POST" || method === "DELETE") && idempotencyKey !== "" ? idempotencyKey : null;
}

function readMetadata(fields: readonly FormField[]): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const { name, value } of fields) {
    const key = /^metadata\[([^\]]{1,40})\]$/.exec(name)?.[1];
    if (key !== undefined && metadata.size < METADATA_FIELDS_MAX) metadata.set(key, value);
  }
  return metadata;
}
