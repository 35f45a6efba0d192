import { type Denial, deny, isDenial } from "../../denial.ts";
import { findLookalikeKey, type JsonObject, type JsonValue, parseJson } from "../../json.ts";
import type { Demand, Endpoint, Operation, Price } from "../../operation.ts";
import { Catalogue } from "../catalogue.ts";
import type { Pricing, ReadingContext, VendorRequest } from "../vendor.ts";
import { RESEND_TABLE } from "./catalogue.ts";
import { readTags } from "./labels.ts";
import { DECISIVE_FIELDS, type Mail, readMail } from "./mail.ts";

export const RESEND_CATALOGUE = new Catalogue(RESEND_TABLE);

const BATCH_MAX = 100;
const MICROS_PER_CENT = 10_000n;
const FREE: Price = { kind: "free" };
const BROADCAST_UNPRICED = {
  kind: "unpriced",
  reason:
    "a broadcast goes to as many contacts as its segment has when it is sent, which the request does not say: send single mails",
} as const;
const INDIRECT_UNPRICED = {
  kind: "unpriced",
  reason: "this call can send mail whose recipients it does not name: send it through `POST /emails`",
} as const;

const UNPRICED_RULES: Readonly<Record<string, { readonly reason: string }>> = {
  broadcast_send: BROADCAST_UNPRICED,
  indirect: INDIRECT_UNPRICED,
  import: INDIRECT_UNPRICED,
};

/** Why no call of an endpoint has a price; null when its rule can price one. */
export function findUnpricedReason({ quote }: Endpoint): string | null {
  return UNPRICED_RULES[quote]?.reason ?? null;
}

interface Reading {
  readonly price: Price;
  readonly demands: readonly Demand[];
  readonly metadata: ReadonlyMap<string, string>;
}

const nothing = (price: Price, demands: readonly Demand[] = []): Reading => ({
  price,
  demands,
  metadata: new Map(),
});

/** Understands a request to Resend, or says why it is ambiguous or malformed. */
export function readResendOperation(request: VendorRequest, context: ReadingContext): Operation | Denial {
  const endpoint = RESEND_CATALOGUE.find(request.method, request.path)?.endpoint ?? null;
  const problem = checkFrame(request, endpoint);
  if (problem !== null) return problem;
  const reading = endpoint === null ? nothing(FREE) : readBody(request, endpoint, context);
  if (isDenial(reading)) return reading;
  return {
    vendor: "resend",
    method: request.method,
    path: request.path,
    query: request.query,
    host: "main",
    contentType:
      request.body.length === 0
        ? null
        : mediaOf(endpoint) === "application/json"
          ? "application/json"
          : request.contentType,
    endpoint,
    price: reading.price,
    exposureId: null,
    account: null,
    demands: reading.demands,
    customers: { named: [], owned: [], isOpen: false },
    customerId: null,
    // Only where a mail is sent does Resend know such keys.
    idempotencyKey: endpoint?.metadata ? request.idempotencyKey : null,
    metadata: reading.metadata,
    additions: new Map(),
  };
}

function mediaOf(endpoint: Endpoint | null): string {
  return endpoint?.options.get("media") ?? "application/json";
}

function checkFrame(request: VendorRequest, endpoint: Endpoint | null): Denial | null {
  const { method, query, body, contentType, idempotencyKey } = request;
  const isRead = method === "GET" || method === "HEAD";
  if (!isRead && query !== null)
    return deny("request_ambiguous", "a query is only for reads: put the fields into the body");
  if (isRead && body.length > 0) return deny("request_malformed", "a read has no body: remove it");
  if (request.account !== null)
    return deny("request_malformed", "Resend knows no connected accounts: remove the header");
  if (
    endpoint?.metadata &&
    idempotencyKey !== null &&
    (idempotencyKey === "" || idempotencyKey.length > 256)
  ) {
    return deny("request_malformed", "`Idempotency-Key` must have 1 to 256 characters");
  }
  const media = mediaOf(endpoint);
  const isMedia =
    media === "application/json"
      ? /^application\/json(?:; ?charset="?utf-8"?)?$/i.test(contentType ?? "")
      : /^multipart\/form-data; ?boundary=[A-Za-z0-9'()+_,./:=?-]{1,70}$/i.test(contentType ?? "");
  if (body.length > 0 && !isMedia) return deny("request_malformed", `the content type must be \`${media}\``);
  return null;
}

function readBody(request: VendorRequest, endpoint: Endpoint, pricing: Pricing): Reading | Denial {
  if (mediaOf(endpoint) !== "application/json") return nothing(INDIRECT_UNPRICED, hiddenDemands());
  const isSend = endpoint.quote === "emails";
  if (request.body.length === 0 && !isSend) return readFields(endpoint, null);
  const value = parseJson(request.body);
  if (typeof value === "string")
    return deny(value.includes("twice") ? "request_ambiguous" : "request_malformed", value);
  if (isSend) return readSend(endpoint, value, pricing);
  return readFields(endpoint, value.kind === "object" ? value : null);
}

function readSend(endpoint: Endpoint, value: JsonValue, pricing: Pricing): Reading | Denial {
  const isBatch = endpoint.settle === "batch";
  const items = isBatch && value.kind === "array" ? value.items : isBatch ? [] : [value];
  if (items.length === 0 || items.length > BATCH_MAX) {
    return deny("request_malformed", `a batch must be a list of 1 to ${BATCH_MAX} mails`);
  }
  const mails: Mail[] = [];
  const metadata = new Map<string, string>();
  for (const item of items) {
    if (item.kind !== "object") return deny("request_malformed", "a mail must be a JSON object");
    const mail = readMail(item);
    if (isDenial(mail)) return mail;
    mails.push(mail);
    for (const [name, text] of readTags(item)) if (!metadata.has(name)) metadata.set(name, text);
  }
  const count = mails.reduce((sum, mail) => sum + mail.recipients.length, 0);
  const micros = BigInt(count) * pricing.prices.resend.recipientMicros;
  const amount = (micros + MICROS_PER_CENT - 1n) / MICROS_PER_CENT;
  return { price: { kind: "known", amount, currency: "usd", micros }, demands: demandsOf(mails), metadata };
}

function readFields(endpoint: Endpoint, object: JsonObject | null): Reading | Denial {
  switch (endpoint.quote) {
    case "reschedule":
      return readReschedule(object);
    case "broadcast":
      return readBroadcast(object);
    case "broadcast_send":
      return nothing(BROADCAST_UNPRICED, [broadcastDemand(), ...hiddenDemands()]);
    case "indirect":
      return nothing(INDIRECT_UNPRICED, hiddenDemands());
    default:
      return nothing(FREE);
  }
}

/** An update of a scheduled mail moves its time and nothing else, so it costs nothing. */
function readReschedule(object: JsonObject | null): Reading | Denial {
  if (object === null)
    return deny("request_malformed", "an update must be a JSON object with `scheduled_at`");
  const stray =
    DECISIVE_FIELDS.find((name) => object.members.has(name)) ?? findLookalikeKey(object, DECISIVE_FIELDS);
  if (stray !== null)
    return deny("request_ambiguous", `\`${stray}\` cannot be changed in a scheduled mail: remove it`);
  return nothing(FREE);
}

/** A broadcast that is only written costs nothing; with `send` or a time it goes out without a further call. */
function readBroadcast(object: JsonObject | null): Reading | Denial {
  if (object === null) return deny("request_malformed", "a broadcast must be a JSON object");
  const lookalike = findLookalikeKey(object, ["send", "scheduled_at", "from"]);
  if (lookalike !== null)
    return deny(
      "request_ambiguous",
      `\`${lookalike}\` could be read as another field: use Resend's own spelling`,
    );
  const send = object.members.get("send");
  if (send !== undefined && (send.kind !== "literal" || send.value === null)) {
    return deny("request_ambiguous", "`send` must be true or false");
  }
  const isSent = (send?.kind === "literal" && send.value === true) || object.members.has("scheduled_at");
  return isSent ? nothing(BROADCAST_UNPRICED, [broadcastDemand(), ...hiddenDemands()]) : nothing(FREE);
}

function broadcastDemand(): Demand {
  const shown = "sending a broadcast";
  return {
    rule: "resend.broadcasts",
    anyOf: ["true"],
    shown,
    ifAbsent: "deny",
    code: "destination_not_allowed",
  };
}

/** A request that does not say who sends or gets the mail passes no list of senders or recipients. */
function hiddenDemands(): Demand[] {
  return [senderDemand(null), recipientDemand(null)];
}

function senderDemand(from: string | null): Demand {
  const anyOf = from === null ? [] : [from, from.slice(from.lastIndexOf("@"))];
  const shown = from ?? "a sender that the request does not name";
  return { rule: "resend.from", anyOf, shown, ifAbsent: "allow", code: "destination_not_allowed" };
}

function recipientDemand(domain: string | null): Demand {
  const anyOf = domain === null ? [] : [domain];
  const shown = domain ?? "recipients that the request does not name";
  return {
    rule: "resend.recipient_domains",
    anyOf,
    shown,
    ifAbsent: "allow",
    code: "destination_not_allowed",
  };
}

function demandsOf(mails: readonly Mail[]): Demand[] {
  const senders = new Set(mails.map((mail) => mail.from));
  const domains = new Set(
    mails.flatMap((mail) => mail.recipients.map((to) => to.slice(to.lastIndexOf("@") + 1))),
  );
  return [...[...senders].map(senderDemand), ...[...domains].map(recipientDemand)];
}
