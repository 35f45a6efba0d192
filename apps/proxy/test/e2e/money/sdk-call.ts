import type Stripe from "stripe";
import { ID, listSdkMethods } from "../../../../../packages/core/test/vendors/stripe/sdk-methods.ts";

const METHODS = listSdkMethods().map((found) => ({ ...found, pattern: patternOf(found.path) }));

/** A call as stripe-node makes it. */
export interface SdkCall {
  /** As a program writes it: `stripe.checkout.sessions.create`. */
  readonly name: string;
  make(stripe: Stripe): Promise<unknown>;
}

/** Finds the SDK's own method for `METHOD /path`; where it has none, that is `stripe.rawRequest`. */
export function sdkCallOf(call: string, body: string): SdkCall {
  const [method = "", path = ""] = call.split(" ");
  const params = path.startsWith("/v2/") ? JSON.parse(body) : readForm(body);
  const found = METHODS.find((known) => known.method === method && known.pattern.test(path));
  if (found === undefined) return { name: "stripe.rawRequest", make: rawCall(method, path, body, params) };
  const ids = found.pattern.exec(path)?.slice(1) ?? [];
  return {
    name: ["stripe", ...found.resource, found.name].join("."),
    make: async (stripe) => {
      const owner = found.resource.reduce<object>((at, name) => Reflect.get(at, name), stripe);
      return Reflect.apply(Reflect.get(owner, found.name), owner, [...ids, params]);
    },
  };
}

function rawCall(method: string, path: string, body: string, params: object): SdkCall["make"] {
  // It takes parameters for a POST only; those of any other method belong into the path.
  return method === "POST"
    ? (stripe) => stripe.rawRequest(method, path, { ...params })
    : (stripe) => stripe.rawRequest(method, body === "" ? path : `${path}?${body}`);
}

function patternOf(path: string): RegExp {
  const literal = path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll(ID, "([^/]+)")}$`);
}

type Node = { [name: string]: Node | string };

/** The parameters of a form as an SDK takes them: objects, with lists where the names are numbers or empty. */
function readForm(form: string): object {
  const root: Node = {};
  for (const [name, value] of new URLSearchParams(form)) {
    const parts = name.split(/\[|\]\[|\]/).slice(0, name.endsWith("]") ? -1 : undefined);
    let at = root;
    for (const part of parts.slice(0, -1)) {
      const next = at[part] ?? {};
      if (typeof next === "string") throw new TypeError(`\`${name}\` stands for a text and for an object`);
      at[part] = next;
      at = next;
    }
    const last = parts.at(-1) ?? "";
    at[last === "" ? String(Object.keys(at).length) : last] = value;
  }
  return listsOf(root) as object;
}

function listsOf(value: Node | string): unknown {
  if (typeof value === "string") return value;
  const names = Object.keys(value);
  const isList = names.length > 0 && names.every((name, index) => name === String(index));
  const entries = Object.entries(value).map(([name, inner]) => [name, listsOf(inner)] as const);
  return isList ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}
