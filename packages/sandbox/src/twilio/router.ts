import { ACCOUNT_ROUTES } from "./accounts.ts";
import { CALL_ROUTES } from "./calls.ts";
import { notFound, TwilioError } from "./error.ts";
import { LOOKUP_ROUTES } from "./lookups.ts";
import { MESSAGE_ROUTES } from "./messages.ts";
import type { TwilioOperation } from "./operation.ts";
import { PHONE_NUMBER_ROUTES } from "./phone-numbers.ts";
import { PRICING_ROUTES } from "./pricing.ts";
import { SERVICE_ROUTES } from "./services.ts";
import { USAGE_ROUTES } from "./usage.ts";
import { VERIFICATION_ROUTES } from "./verifications.ts";

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly operation: TwilioOperation;
}

const ROUTES: readonly Route[] = Object.entries({
  ...MESSAGE_ROUTES,
  ...CALL_ROUTES,
  // The subresources of numbers stand before the pattern that would take them for SIDs.
  ...PHONE_NUMBER_ROUTES,
  ...ACCOUNT_ROUTES,
  ...USAGE_ROUTES,
  ...SERVICE_ROUTES,
  ...VERIFICATION_ROUTES,
  ...LOOKUP_ROUTES,
  ...PRICING_ROUTES,
}).map(([name, operation]) => {
  const [method = "", path = ""] = name.split(" ");
  const source = path.replaceAll(".", "\\.").replaceAll("{}", "([^/]+?)");
  return { method, pattern: new RegExp(`^${source}$`), operation };
});

/** The operation for a method and path, with the path's variable parts. Throws Twilio's 404 and 405. */
export function findRoute(
  method: string,
  path: string,
  accountSid: string,
): { operation: TwilioOperation; ids: readonly string[] } {
  let isPathKnown = false;
  for (const route of ROUTES) {
    const match = route.pattern.exec(path);
    if (match === null) continue;
    isPathKnown = true;
    if (route.method !== method) continue;
    const ids = match.slice(1).map((part) => decoded(part, path));
    if (!path.startsWith("/2010-04-01/Accounts/")) return { operation: route.operation, ids };
    if (ids[0] !== accountSid) throw notFound(path);
    return { operation: route.operation, ids: ids.slice(1) };
  }
  if (isPathKnown) throw new TwilioError(405, 20004, "Method not allowed");
  throw notFound(path);
}

function decoded(part: string, path: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notFound(path);
  }
}
