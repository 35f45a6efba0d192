import { posix } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  matchesEndpoint,
  matchTemplate,
  parseEndpointPattern,
  parseTemplate,
  readTarget,
} from "../src/endpoint.ts";
import { findStripeEndpoint, listStripeEndpoints } from "../src/vendors/stripe/catalogue.ts";
import { stripe } from "../src/vendors/stripe/stripe.ts";
import { FUZZ, FUZZ_TIMEOUT_MS } from "./fuzz.ts";
import { contextOf, requestOf } from "./stripe-requests.ts";

const KNOWN = listStripeEndpoints().map((endpoint) =>
  endpoint.template.text.replaceAll(/\{[^}]+\}/g, "id_1"),
);

const fragment = fc.constantFrom(
  ..."/ / / /v1 v1 /v2 /stripe /twilio customers refunds cus_1 . .. ... ; ..; %2e %2E %2f %5c %00 %25 %252e %40 %2B %2b %2540 %%4040 %0a ? # & = \\ // * ** : @ ~ ! $ ' ( ) + , - _ { } [ ] | ^ http: evil é".split(
    " ",
  ),
  " ",
  "\u0000",
  "\r\n",
);

const seamed = fc.constantFrom("", "", "/stripe", "/stripe/", "/stripe/v1", "/stripe//v1", "/stripe/v1/v1");

/** A valid target with something put into it, or cut out of it, anywhere. */
const mutated = fc
  .tuple(seamed, fc.constantFrom(...KNOWN), fc.nat(), fc.nat(4), fragment)
  .map(([prefix, path, at, cut, text]) => {
    const target = prefix + path;
    const index = at % (target.length + 1);
    return target.slice(0, index) + text + target.slice(index + cut);
  });
const target = fc.oneof(
  mutated,
  fc.array(fragment, { maxLength: 12 }).map((parts) => `/${parts.join("")}`),
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.tuple(seamed, fc.constantFrom(...KNOWN)).map((parts) => parts.join("")),
);

describe("a request target", () => {
  it(
    "E12: is refused, or what policy judges is byte for byte what goes on the wire, to the configured host",
    () => {
      let accepted = 0;
      fc.assert(
        fc.property(target, (text) => {
          const read = readTarget(text);
          if (typeof read === "string") {
            expect(read).not.toBe("");
            return;
          }
          accepted++;
          const { prefix, path, query } = read;
          // Nothing was repaired: the target ends in the path and query as they were received, but for a mail address.
          const rest = path + (query === null ? "" : `?${query}`);
          const [rawPath = "", ...rawQuery] = text.split(/(?=\?)/);
          const received = rawPath.replaceAll("%40", "@").replaceAll("%2B", "+") + rawQuery.join("");
          expect(received.endsWith(rest)).toBe(true);
          const seam = received.slice(0, received.length - rest.length);
          const seams = prefix === null ? [""] : [`/${prefix}`, `/${prefix}/`, `/${prefix}/v1`];
          expect(seams).toContain(seam);
          // Independent readers find nothing to normalize or decode.
          expect(posix.normalize(path)).toBe(path);
          expect(decodeURIComponent(path)).toBe(path);
          const url = new URL(stripe.hosts.main.origin + rest);
          expect([url.origin, url.pathname, url.hash, url.username]).toEqual([
            stripe.hosts.main.origin,
            path,
            "",
            "",
          ]);
          const operation = stripe.readOperation(requestOf("POST", path, "", { query }), contextOf());
          if (!("code" in operation)) expect([operation.path, operation.query]).toEqual([path, query]);
        }),
        FUZZ,
      );
      expect(accepted, "the property must reach what it claims").toBeGreaterThan(FUZZ.numRuns / 20);
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "E12: is canonical after one reading: reading what was read changes nothing",
    () => {
      fc.assert(
        fc.property(target, (text) => {
          const read = readTarget(text);
          if (typeof read === "string") return;
          const prefix = read.prefix === null ? "" : `/${read.prefix}`;
          const query = read.query === null ? "" : `?${read.query}`;
          expect(readTarget(prefix + read.path + query)).toEqual(read);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "matches an endpoint only when the path rebuilt from its template is the same, byte for byte",
    () => {
      let matched = 0;
      fc.assert(
        fc.property(target, (text) => {
          const read = readTarget(text);
          if (typeof read === "string") return;
          const found = findStripeEndpoint("GET", read.path) ?? findStripeEndpoint("POST", read.path);
          if (found === null || found.endpoint.forbidden) return;
          matched++;
          const rebuilt = found.endpoint.template.text.replaceAll(
            /\{([^}]+)\}/g,
            (_all, name: string) => found.parameters.get(name) ?? "",
          );
          expect(rebuilt).toBe(read.path);
          for (const identifier of found.parameters.values())
            expect(identifier).toMatch(/^[A-Za-z0-9][^/?#;%\\*\s]*$/);
        }),
        FUZZ,
      );
      expect(matched, "the property must reach what it claims").toBeGreaterThan(FUZZ.numRuns / 20);
    },
    FUZZ_TIMEOUT_MS,
  );
});

const segment = fc.constantFrom("v1", "customers", "refunds", "cus_1", "a.b", "x");
const pattern = fc
  .tuple(
    fc.array(fc.oneof(segment, fc.constant("*")), { maxLength: 4 }),
    fc.constantFrom("", "**", "*", "v1"),
  )
  .map(([head, tail]) => [...head, tail].filter((part) => part !== ""))
  .filter((parts) => parts.length > 0);

describe("an endpoint pattern", () => {
  it(
    "covers exactly the paths that its regular expression covers",
    () => {
      fc.assert(
        fc.property(pattern, fc.array(segment, { minLength: 1, maxLength: 6 }), (parts, segments) => {
          const parsed = parseEndpointPattern(`GET /${parts.join("/")}`);
          if (typeof parsed === "string") throw new TypeError(parsed);
          const source = parts
            .map((part) =>
              part === "**" ? "(/[^/]+)*" : part === "*" ? "/[^/]+" : `/${part.replaceAll(".", "\\.")}`,
            )
            .join("");
          const path = `/${segments.join("/")}`;
          expect(matchesEndpoint(parsed, "GET", path)).toBe(new RegExp(`^${source}$`).test(path));
          expect(matchesEndpoint(parsed, "POST", path)).toBe(false);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "or a template never throws, whatever it is compared with",
    () => {
      const anything = fc.string({ unit: "binary", maxLength: 60 });
      fc.assert(
        fc.property(anything, anything, (text, path) => {
          const parsed = parseEndpointPattern(text);
          if (typeof parsed !== "string") matchesEndpoint(parsed, "GET", path);
          matchTemplate(parseTemplate("/v1/{id}/x"), path);
          readTarget(path);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});
