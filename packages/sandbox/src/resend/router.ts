import { API_KEY_ROUTES } from "./api-keys.ts";
import { BROADCAST_ROUTES } from "./broadcasts.ts";
import { CONTACT_ROUTES } from "./contacts.ts";
import { DOMAIN_ROUTES } from "./domains.ts";
import { EMAIL_ROUTES } from "./emails.ts";
import { ResendError } from "./error.ts";
import type { ResendOperation } from "./operation.ts";
import { SEGMENT_ROUTES } from "./segments.ts";
import { WEBHOOK_ROUTES } from "./webhooks.ts";

const ROUTES = Object.entries({
  ...EMAIL_ROUTES,
  ...DOMAIN_ROUTES,
  ...API_KEY_ROUTES,
  ...WEBHOOK_ROUTES,
  ...SEGMENT_ROUTES,
  ...CONTACT_ROUTES,
  ...BROADCAST_ROUTES,
}).map(([name, operation]) => {
  const [method = "", path = ""] = name.split(" ");
  return { method, pattern: new RegExp(`^${path.replaceAll("{}", "([^/]+)")}$`), operation };
});

/** The operation for a method and path, with the path's variable parts. Throws Resend's 404 and 405. */
export function findRoute(
  method: string,
  path: string,
): { operation: ResendOperation; ids: readonly string[] } {
  const matching = ROUTES.filter(({ pattern }) => pattern.test(path));
  const route = matching.find((candidate) => candidate.method === method);
  if (route !== undefined) {
    const ids = route.pattern.exec(path)?.slice(1) ?? [];
    return { operation: route.operation, ids: ids.map(decoded) };
  }
  if (matching.length === 0) throw notFound();
  throw new ResendError(405, "method_not_allowed", "Method is not allowed for the requested path.");
}

function notFound(): ResendError {
  return new ResendError(404, "not_found", "The requested endpoint does not exist.");
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notFound();
  }
}
