import Stripe from "stripe";
import { expect, it } from "vitest";
import { isMethod } from "../../../src/endpoint.ts";
import { findStripeEndpoint } from "../../../src/vendors/stripe/catalogue.ts";

const DEPTH_MAX = 6;
const ID = "xx_1";

interface Requesting {
  _makeRequest: (method: string, path: string) => unknown;
}

/** Every `METHOD path` that the installed SDK's methods would ask for, all identifiers the same. */
function callsOfSdk(): ReadonlySet<string> {
  const calls = new Set<string>();
  const prototype = Stripe.StripeResource.prototype as unknown as Requesting;
  const original = prototype._makeRequest;
  prototype._makeRequest = (method, path) => calls.add(`${method} ${path}`);
  try {
    walk(new Stripe("sk_test_0"), new Set(), 0);
  } finally {
    prototype._makeRequest = original;
  }
  return calls;
}

function walk(target: object, seen: Set<object>, depth: number): void {
  if (seen.has(target) || depth > DEPTH_MAX) return;
  seen.add(target);
  if (target instanceof Stripe.StripeResource) callEvery(target);
  for (const [name, value] of Object.entries(target)) {
    if (!name.startsWith("_") && typeof value === "object" && value !== null) walk(value, seen, depth + 1);
  }
}

function callEvery(resource: object): void {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(resource));
  for (const name of names.filter((text) => text !== "constructor" && !text.startsWith("_"))) {
    const method: unknown = Reflect.get(resource, name);
    if (typeof method !== "function") continue;
    try {
      Reflect.apply(method, resource, [ID, ID, ID]);
    } catch {
      // A helper that asks for nothing (`oauth.authorizeUrl`) may refuse such arguments.
    }
  }
}

it("knows every endpoint that the installed stripe-node can call", () => {
  const calls = [...callsOfSdk()];
  expect(calls.length, "the walk must reach the SDK's methods").toBeGreaterThan(630);
  const unknown = calls.filter((call) => {
    const [method = "", path = ""] = call.split(" ");
    const found = isMethod(method) ? findStripeEndpoint(method, path) : null;
    return found === null || found.endpoint.operation === "forbidden";
  });
  expect(unknown).toEqual([]);
});
