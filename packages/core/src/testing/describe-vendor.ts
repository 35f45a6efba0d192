import { describe, expect, it } from "vitest";
import { DENIALS, type DenialCode, isDenial } from "../denial.ts";
import { matchTemplate } from "../endpoint.ts";
import { FAULTS, type FaultCode } from "../faults.ts";
import { USD_ONLY } from "../money.ts";
import type { Operation } from "../operation.ts";
import { RESEND_PRICES } from "../vendors/resend/prices.ts";
import { TWILIO_PRICES } from "../vendors/twilio/prices.ts";
import type { ReadingContext, Vendor, VendorRequest } from "../vendors/vendor.ts";

/** What the suite must know of a vendor. */
export interface VendorSample {
  /** A credential that the vendor would take, and the account it belongs to. */
  readonly credential: string;
  readonly accountId: string | null;
  /** A request that costs money, as the vendor's SDK sends it. */
  readonly paid: VendorRequest;
  /** The vendor's complete answers to it: done, refused without effect, and failed in an unknown way. */
  readonly done: { readonly status: number; readonly body: string };
  readonly refused: { readonly status: number; readonly body: string };
}

const LABELS = { agentId: "billing_agent", crewRunId: "run-1" };

/** The contract of `Vendor`: what the pipeline relies on, whichever vendor it is. */
export function describeVendor(vendor: Vendor, sample: VendorSample): void {
  const context: ReadingContext = {
    rates: USD_ONLY,
    prices: { twilio: TWILIO_PRICES, resend: RESEND_PRICES },
    today: "2026-11-23",
    accountId: sample.accountId,
    policy: null,
  };
  const read = (request: Partial<VendorRequest> = {}) =>
    vendor.readOperation({ ...sample.paid, ...request }, context);
  const paid = (): Operation => {
    const operation = read();
    if (isDenial(operation)) expect.fail(`the paid request is refused: ${operation.reason}`);
    return operation;
  };
  const answered = ({ status, body }: { status: number; body: string }) =>
    vendor.readOutcome(paid(), { status, header: () => null, body }, context);

  describe(`vendor ${vendor.name}`, () => {
    testCatalogue(vendor);

    it("understands and prices a request that costs money", () => {
      const operation = paid();
      expect(operation.endpoint?.direction).not.toBeNull();
      expect(operation.price).toMatchObject({ kind: "known" });
      expect(Object.keys(vendor.hosts)).toContain(operation.host);
    });

    it("does not know a path that the catalogue does not have", () => {
      const operation = read({ path: `${sample.paid.path}/nowhere/at/all` });
      expect(isDenial(operation) ? null : operation.endpoint).toBeNull();
    });

    it("refuses a body in another format than it says", () => {
      expect(read({ contentType: "text/plain" })).toMatchObject({ code: "request_malformed" });
    });

    it("tells what took effect from what did not, and takes a failure for neither", () => {
      expect(["settled", "pending"]).toContain(answered(sample.done).kind);
      expect(answered(sample.refused).kind).toBe("refused");
      for (const status of [500, 502, 503]) expect(answered({ status, body: "{}" }).kind).toBe("unknown");
      expect(answered({ status: sample.done.status, body: "<html>" }).kind).toBe("unknown");
      expect(answered({ status: sample.refused.status, body: "<html>" }).kind).toBe("unknown");
    });

    it("links to its own dashboard over TLS, and to nothing that an answer could choose", () => {
      for (const mode of ["live", "test"] as const) {
        const page = vendor.requestPage("req_1", mode);
        if (page !== null) expect(new URL(page)).toMatchObject({ protocol: "https:", search: "", hash: "" });
        for (const id of ["../../evil", "req_1?x=1", "req_1#x", "https://evil.example/", ""])
          expect(vendor.requestPage(id, mode)).toBeNull();
      }
    });

    it("says how fast its account may be asked, and which answer asks for less", () => {
      for (const mode of ["live", "test"] as const) expect(vendor.requestsPerSecond(mode)).toBeGreaterThan(0);
      const answer = (status: number, body: string) =>
        vendor.isRateLimited({ status, header: () => null, body });
      expect([answer(429, ""), answer(429, "{}")]).toEqual([true, true]);
      for (const { status, body } of [sample.done, sample.refused]) expect(answer(status, body)).toBe(false);
    });

    it("only ever adds to a body, and the same each time", () => {
      const operation = paid();
      const once = Buffer.from(vendor.completeBody(operation, sample.paid.body, LABELS));
      const again = Buffer.from(vendor.completeBody(operation, sample.paid.body, LABELS));
      expect(again).toEqual(once);
      expect(isSubsequence(Buffer.from(sample.paid.body), once)).toBe(true);
    });

    it("takes its own credential and no vault key, and sends it in one header", () => {
      expect(vendor.findCredentialProblem(sample.credential, sample.accountId)).toBeNull();
      expect(vendor.authorization(sample.credential, sample.accountId)).toMatch(/^(?:Bearer|Basic) [!-~]+$/);
    });

    it("tells every refusal and fault as a JSON object with its code, its status and its sentence", () => {
      const codes: [DenialCode | FaultCode, number][] = Object.entries({ ...DENIALS, ...FAULTS }).map(
        ([code, { status }]) => [code as DenialCode | FaultCode, status],
      );
      for (const [code, status] of codes) {
        const text = vendor.renderError({
          code,
          status,
          message: "the sentence",
          callId: "call-1",
          denial: null,
        });
        expect(JSON.parse(text)).toBeTypeOf("object");
        expect(text).toContain(code);
        expect(text).toContain("the sentence");
      }
    });
  });
}

function testCatalogue(vendor: Vendor): void {
  it("names each operation once, and no two endpoints take the same path", () => {
    const names = vendor.endpoints.map(
      ({ operation, method, template }) => `${operation} ${method} ${template.text}`,
    );
    expect(new Set(names).size).toBe(names.length);
    const shapes = vendor.endpoints.map(
      ({ method, template }) => `${method} ${template.text.replaceAll(/\{[^}]+\}/g, "{}")}`,
    );
    expect(new Set(shapes).size).toBe(shapes.length);
  });

  it("lets no GET with a price through as a free read", () => {
    for (const endpoint of vendor.endpoints) {
      if (endpoint.direction !== null || endpoint.method !== "GET") expect(endpoint.accounted).toBe(true);
      expect(matchTemplate(endpoint.template, endpoint.template.text.replaceAll(/[{}]/g, ""))).not.toBeNull();
    }
  });
}

function isSubsequence(part: Buffer, whole: Buffer): boolean {
  let at = 0;
  for (const byte of whole) if (at < part.length && byte === part[at]) at++;
  return at === part.length;
}
