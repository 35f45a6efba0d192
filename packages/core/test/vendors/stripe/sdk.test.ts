import { expect, it } from "vitest";
import { isMethod } from "../../../src/endpoint.ts";
import { findStripeEndpoint } from "../../../src/vendors/stripe/catalogue.ts";
import { listSdkMethods } from "./sdk-methods.ts";

it("knows every endpoint that the installed stripe-node can call", () => {
  const calls = new Set(listSdkMethods().map(({ method, path }) => `${method} ${path}`));
  expect(calls.size, "the walk must reach the SDK's methods").toBeGreaterThan(630);
  const unknown = [...calls].filter((call) => {
    const [method = "", path = ""] = call.split(" ");
    const found = isMethod(method) ? findStripeEndpoint(method, path) : null;
    return found === null || found.endpoint.operation === "forbidden";
  });
  expect(unknown).toEqual([]);
});
