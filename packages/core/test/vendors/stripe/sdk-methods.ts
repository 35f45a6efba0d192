import Stripe from "stripe";

const DEPTH_MAX = 6;

/** Stands for every identifier in the path of an {@link SdkMethod}. */
export const ID = "xx_1";

/** A method of the installed stripe-node, and what it asks Stripe for. */
export interface SdkMethod {
  /** Where its resource hangs at the client: `["checkout", "sessions"]`. */
  readonly resource: readonly string[];
  readonly name: string;
  readonly method: string;
  readonly path: string;
}

interface Requesting {
  _makeRequest: (method: string, path: string) => unknown;
}

/** Every method of stripe-node that asks for something, found by calling them all. */
export function listSdkMethods(): readonly SdkMethod[] {
  const found: SdkMethod[] = [];
  const prototype = Stripe.StripeResource.prototype as unknown as Requesting;
  const original = prototype._makeRequest;
  let called: Pick<SdkMethod, "resource" | "name"> = { resource: [], name: "" };
  prototype._makeRequest = (method, path) => found.push({ ...called, method, path });
  try {
    walk(new Stripe("sk_test_0"), new Set(), [], (resource, name) => {
      called = { resource, name };
    });
  } finally {
    prototype._makeRequest = original;
  }
  return found;
}

type OnCall = (resource: readonly string[], name: string) => void;

function walk(target: object, seen: Set<object>, at: readonly string[], onCall: OnCall): void {
  if (seen.has(target) || at.length > DEPTH_MAX) return;
  seen.add(target);
  if (target instanceof Stripe.StripeResource) callEvery(target, (name) => onCall(at, name));
  for (const [name, value] of Object.entries(target)) {
    if (!name.startsWith("_") && typeof value === "object" && value !== null)
      walk(value, seen, [...at, name], onCall);
  }
}

function callEvery(resource: object, onCall: (name: string) => void): void {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(resource));
  for (const name of names.filter((text) => text !== "constructor" && !text.startsWith("_"))) {
    const method: unknown = Reflect.get(resource, name);
    if (typeof method !== "function") continue;
    onCall(name);
    try {
      Reflect.apply(method, resource, [ID, ID, ID]);
    } catch {
      // A helper that asks for nothing (`oauth.authorizeUrl`) may refuse such arguments.
    }
  }
}
