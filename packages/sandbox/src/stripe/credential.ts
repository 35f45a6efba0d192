import { badCredential } from "./error.ts";

const TEST_KEY = /^[sr]k_test_./;

/**
 * The secret key of an `Authorization` header: a Bearer token, or the user name of Basic. Throws Stripe's 401 for one
 * that is absent or not among `accepted`; without a list every test key is.
 */
export function readSecretKey(header: string | undefined, accepted: ReadonlySet<string> | null): string {
  const key = header === undefined ? null : parse(header);
  if (key === null || key === "") throw badCredential(null);
  if (accepted === null ? TEST_KEY.test(key) : accepted.has(key)) return key;
  throw badCredential(key);
}

function parse(header: string): string | null {
  if (header.startsWith("Bearer ")) return header.slice("Bearer ".length).trim();
  const [, scheme = "", value = ""] = /^(\S+) +(\S+)$/.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case "bearer":
      return value;
    case "basic":
      return Buffer.from(value, "base64").toString("utf8").split(":", 1)[0] ?? null;
    default:
      return null;
  }
}
