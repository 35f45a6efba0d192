import { deny } from "../../../src/denial.ts";
import { parseForm } from "../../../src/form.ts";
import { toUsdMicros } from "../../../src/money.ts";
import { Catalogue } from "../../../src/vendors/catalogue.ts";
import type { VendorName } from "../../../src/vendors/names.ts";
import type { Vendor } from "../../../src/vendors/vendor.ts";

const FORM = "application/x-www-form-urlencoded";
const CATALOGUE = new Catalogue(`
# operation       METHOD  path                dir   quote   settle  options
parcels.create    POST    /parcels            fee   amount  amount  -
parcels.retrieve  GET     /parcels/{parcel}   none  none    none    -
keys.create       POST    /keys               none  none    none    forbidden
`);

/** A vendor that sends parcels: the smallest that there can be. CONTRIBUTING.md walks through it. */
export const example: Vendor = {
  // The registry's names are closed; a real vendor stands in `vendors/names.ts`.
  name: "example" as VendorName,
  hosts: { main: { origin: "https://api.parcels.example", prefix: "" } },
  requestHeaders: [],
  responseHeaders: ["content-type"],
  requestIdHeader: "x-request-id",
  replayHeader: null,
  readBody: null,
  endpoints: CATALOGUE.endpoints,
  priceRules: { none: "free", amount: "the `cents` of the request" },
  findUnpricedReason: () => null,
  readCredentialMode: () => null,
  findCredentialProblem: (value) =>
    value.startsWith("pk-") ? null : "is no key of parcels, which begins with `pk-`",
  requestsPerSecond: () => 10,
  isRateLimited: ({ status }) => status === 429,
  requestPage: () => null,
  authorization: (credential) => `Bearer ${credential}`,
  readOperation: (request, context) => {
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (!isRead && request.contentType !== FORM)
      return deny("request_malformed", `send the body as \`${FORM}\``);
    const fields = parseForm(Buffer.from(request.body).toString("utf8"));
    if (typeof fields === "string") return deny("request_ambiguous", `the body is ambiguous: ${fields}`);
    const endpoint = CATALOGUE.find(request.method, request.path)?.endpoint ?? null;
    const cents = fields.find(({ name }) => name === "cents")?.value ?? "";
    const micros = /^[1-9][0-9]{0,8}$/.test(cents) ? example.toMicros(BigInt(cents), "usd", context) : null;
    const price =
      endpoint?.quote !== "amount"
        ? ({ kind: "free" } as const)
        : micros === null
          ? ({ kind: "unpriced", reason: "state what the parcel costs in `cents`" } as const)
          : ({ kind: "known", amount: BigInt(cents), currency: "usd", micros } as const);
    return {
      vendor: example.name,
      method: request.method,
      path: request.path,
      query: request.query,
      host: "main",
      contentType: isRead ? null : FORM,
      endpoint,
      price,
      exposureId: null,
      account: null,
      demands: [],
      customers: { named: [], owned: [], isOpen: false },
      customerId: null,
      idempotencyKey: request.idempotencyKey,
      metadata: new Map(),
      additions: new Map(),
    };
  },
  priceFromMemory: () => null,
  priceFromAnswers: () => ({ kind: "unpriced", reason: "no price of parcels needs a look-up" }),
  readOwner: () => null,
  toMicros: (amount, currency, { rates, today }) => toUsdMicros(amount, currency, 2, rates, today),
  readOutcome: ({ price }, { status, body }) => {
    const answer = readObject(body);
    if (answer === null) return { kind: "unknown", reason: "the answer is no JSON object" };
    if (status === 422) return { kind: "refused", vendorCode: "no_such_street" };
    if (status !== 201) return { kind: "unknown", reason: `the vendor answered ${status}` };
    const { amount, currency } = price.kind === "known" ? price : { amount: null, currency: null };
    return {
      kind: "settled",
      amount,
      currency,
      exposure: null,
      objectId: String(answer["id"]),
      customerId: null,
    };
  },
  followUp: () => null,
  readFollowUp: () => ({ kind: "unknown", reason: "nothing of parcels is pending" }),
  completeBody: (_operation, body) => body,
  scrubAnswer: (_operation, body) => body,
  renderError: ({ code, message }) => JSON.stringify({ problem: code, message }),
};

function readObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
