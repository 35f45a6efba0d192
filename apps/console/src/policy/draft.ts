import type { VaultKey } from "@keybrake/client";
import type { VendorName } from "../vendors.ts";

/** A policy as the server has accepted it. */
export type Policy = VaultKey["policy"];

/** A policy while it is written. Values stay as they were typed: the policy engine alone says what is wrong with them. */
export type PolicyDraft = { readonly vendor: VendorName } & Readonly<Record<string, unknown>>;

/** The value at a path such as `twilio.from`; undefined when it is not set. */
export function readField(draft: PolicyDraft, path: string): unknown {
  const [head = "", tail] = path.split(".");
  const value = draft[head];
  return tail === undefined ? value : isObject(value) ? value[tail] : undefined;
}

/** A draft with another value at a path; undefined takes the field away, and a part that is empty then. */
export function writeField(draft: PolicyDraft, path: string, value: unknown): PolicyDraft {
  const [head = "", tail] = path.split(".");
  if (tail === undefined) return { ...omit(draft, head), ...(value === undefined ? {} : { [head]: value }) };
  const part = isObject(draft[head]) ? draft[head] : {};
  const changed = { ...omit(part, tail), ...(value === undefined ? {} : { [tail]: value }) };
  return writeField(draft, head, Object.keys(changed).length === 0 ? undefined : changed);
}

/** The same policy for another vendor: without what says nothing there. Endpoints are the vendor's own. */
export function draftFor(draft: PolicyDraft, vendor: VendorName): PolicyDraft {
  if (draft.vendor === vendor) return draft;
  const { stripe: _, twilio: __, resend: ___, customers: ____, allowed_endpoints: _____, ...rest } = draft;
  return { ...rest, vendor };
}

/** The draft as a request's policy: what it lacks or has too much, the server tells. */
export function toPolicy(draft: PolicyDraft): Policy {
  return draft as unknown as Policy;
}

function omit(object: object, name: string): { readonly vendor: VendorName } & Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name)) as {
    readonly vendor: VendorName;
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
