import { type Denial, deny, isDenial } from "../../denial.ts";
import type { Demand, Endpoint, Operation } from "../../operation.ts";
import type { ReadingContext, VendorRequest } from "../vendor.ts";
import { findTwilioEndpoint } from "./catalogue.ts";
import { demandsOf } from "./demands.ts";
import { DOCUMENTED_PARAMETERS } from "./documented-parameters.ts";
import { hostOf } from "./hosts.ts";
import { type Parameters, readParameters } from "./parameters.ts";
import { type Asked, FREE, type Quote, unpriced } from "./quote.ts";
import { quoteCall, quoteCallUpdate, quoteValidation } from "./quote-call.ts";
import { quoteMessage } from "./quote-message.ts";
import { quoteLookup, quoteNumber, quoteVerification } from "./quote-product.ts";

const QUOTES: Readonly<Record<string, (asked: Asked) => Quote | Denial>> = {
  none: () => ({ price: FREE, demands: [] }),
  message: quoteMessage,
  call: quoteCall,
  participant: quoteCall,
  call_update: quoteCallUpdate,
  validation: quoteValidation,
  number: quoteNumber,
  verification: quoteVerification,
  lookup: quoteLookup,
  open_end: () => ({ price: unpriced(OPEN_END), demands: [] }),
};

const OPEN_END = "a recording of a running call costs by its length, which the request does not say";

/** Why no call of an endpoint has a price; null when its rule can price one. */
export function findUnpricedReason({ quote }: Endpoint): string | null {
  return quote === "open_end" ? OPEN_END : null;
}

/** Understands a request to Twilio, or says why it cannot be understood in exactly one way. */
export function readTwilioOperation(request: VendorRequest, context: ReadingContext): Operation | Denial {
  const stranger = findForeignAccount(request.path, context.accountId);
  if (stranger !== null) return stranger;
  const parameters = readParameters(request);
  if (isDenial(parameters)) return parameters;
  const moved = parameters.values.get("AccountSid");
  if (moved !== undefined && moved !== context.accountId)
    return deny("account_not_allowed", "`AccountSid` names another account than the one of this vault key");
  const found = findTwilioEndpoint(request.method, request.path);
  const endpoint = found?.endpoint ?? null;
  const isRead = request.method === "GET" || request.method === "HEAD";
  const general = isRead || endpoint === null ? [] : demandsOf(parameters);
  if (isDenial(general)) return general;
  const quoted =
    endpoint === null || endpoint.forbidden
      ? { price: FREE, demands: [] }
      : quote({ endpoint, parameters, prices: context.prices.twilio, context });
  if (isDenial(quoted)) return quoted;
  return describe(request, endpoint, parameters, quoted, [...quoted.demands, ...general]);
}

function quote(asked: Asked): Quote | Denial {
  const rule = QUOTES[asked.endpoint.quote];
  if (rule === undefined) throw new TypeError(`no quote rule \`${asked.endpoint.quote}\``);
  const quoted = rule(asked);
  const known = DOCUMENTED_PARAMETERS[asked.endpoint.quote];
  const stray = known && asked.parameters.fields.find(({ name }) => !known.has(name));
  if (stray === undefined || isDenial(quoted)) return quoted;
  const reason = `\`${stray.name}\` is no documented parameter here, so what it costs is unknown: leave it out`;
  return { ...quoted, price: unpriced(reason) };
}

function describe(
  request: VendorRequest,
  endpoint: Endpoint | null,
  { contentType }: Parameters,
  quoted: Quote,
  demands: readonly Demand[],
): Operation {
  // Twilio's price of a call or message leaves out what was quoted besides it, so the quote itself is its cost.
  const isQuoted = quoted.isWhole === true && endpoint !== null;
  return {
    vendor: "twilio",
    method: request.method,
    path: request.path,
    query: request.query,
    host: hostOf(request.path),
    contentType,
    endpoint: isQuoted ? { ...endpoint, settle: "quoted" } : endpoint,
    price: quoted.price,
    exposureId: null,
    account: request.account,
    demands,
    customers: { named: [], owned: [], isOpen: false },
    customerId: null,
    // Twilio repeats nothing: a call that is sent twice is made twice.
    idempotencyKey: null,
    metadata: new Map(),
    additions: quoted.additions ?? new Map(),
  };
}

/** The account in a path must be the secret's own, in its exact spelling: a subaccount would escape every cap. */
function findForeignAccount(path: string, accountId: string | null): Denial | null {
  if (accountId === null)
    return deny(
      "account_not_allowed",
      "the secret of this vault key names no account: store it with its `account_id`",
    );
  const named = /^\/2010-04-01\/Accounts\/([^/]+)/.exec(path)?.[1]?.replace(/\.json$/, "");
  if (named === undefined || named === "" || named === accountId) return null;
  return deny("account_not_allowed", `\`${named}\` is not the account of this vault key`);
}
