import twilioNode from "twilio";
import { beforeAll, describe, expect, it } from "vitest";
import type { Method } from "../../../src/endpoint.ts";
import { readTarget } from "../../../src/endpoint.ts";
import { findTwilioEndpoint } from "../../../src/vendors/twilio/catalogue.ts";
import { hostOf } from "../../../src/vendors/twilio/hosts.ts";
import { twilio } from "../../../src/vendors/twilio/twilio.ts";
import { ACCOUNT } from "./twilio-requests.ts";

interface Recorded {
  readonly method: string;
  readonly uri: string;
}

const VERBS = ["create", "fetch", "update", "remove", "page", "patch", "put"];
/** The names of a product's versions; its other members are shortcuts into one of them. */
const VERSION = /^(?:v[0-9]+|versionless|hosted_?numbers|marketplace|wireless)$/i;
/** A value for every parameter that a method asks for. */
const ANY: object = new Proxy({}, { get: () => "x" });

/** Calls every method of the official SDK that it can reach, and records what it would send. */
class Recorder {
  readonly recorded = new Map<string, Recorded>();
  readonly #seen = new Set<string>();
  readonly #pending: Promise<unknown>[] = [];

  readonly httpClient = {
    request: async ({ method, uri }: Recorded) => {
      this.recorded.set(`${method.toUpperCase()} ${uri}`, { method: method.toUpperCase(), uri });
      return { statusCode: 200, body: {}, headers: {} };
    },
  };

  async walk(root: object): Promise<void> {
    for (const name of keysOf(root)) {
      const domain = member(root, name);
      if (isDomain(domain)) for (const version of versionsOf(domain)) this.#visitAll("", version, 0);
    }
    while (this.#pending.length > 0) await Promise.allSettled(this.#pending.splice(0));
  }

  #visitAll(from: string, owner: object, depth: number): void {
    if (depth > 8) return;
    for (const name of keysOf(owner)) {
      if (name === "domain" || name === "_domain" || name === "twilio" || name === "_version") continue;
      const value = member(owner, name);
      if (value !== null && (typeof value === "function" || typeof value === "object") && isResource(value))
        this.#visit(`${from.split(".").at(-1)}.${name}`, value, depth + 1);
    }
  }

  #visit(name: string, resource: object, depth: number): void {
    const version = member(resource, "_version") as { _domain?: { baseUrl?: string }; _version?: string };
    // Contexts are made anew at every look, so they are told apart by where they lead.
    const uri = String(member(resource, "_uri"));
    const place = `${typeof resource} ${name} ${version._domain?.baseUrl}/${version._version}${uri}`;
    if (this.#seen.has(place)) return;
    this.#seen.add(place);
    for (const verb of VERBS) this.#call(resource, verb);
    this.#visitAll(name, resource, depth);
    if (typeof resource !== "function") return;
    const context = attempt(() => (resource as (...ids: string[]) => object)(ACCOUNT, ACCOUNT));
    if (context !== null && typeof context === "object") this.#visit(name, context, depth + 1);
  }

  #call(resource: object, verb: string): void {
    const method = member(resource, verb);
    if (typeof method !== "function") return;
    const result = attempt(() => method.call(resource, ANY) as Promise<unknown>);
    if (result instanceof Promise) this.#pending.push(result);
  }
}

function isDomain(value: unknown): value is { baseUrl: string } {
  return typeof value === "object" && value !== null && typeof member(value, "baseUrl") === "string";
}

function isResource(value: object): boolean {
  return typeof member(value, "_uri") === "string" || typeof member(value, "_version") === "object";
}

function versionsOf(domain: object): object[] {
  return keysOf(domain)
    .filter((name) => VERSION.test(name))
    .map((name) => member(domain, name))
    .filter((value): value is object => typeof value === "object" && value !== null && "_domain" in value);
}

function keysOf(value: object): string[] {
  const names = new Set<string>();
  for (let at: object | null = value; at !== null && at !== Object.prototype && at !== Function.prototype; ) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
    at = Object.getPrototypeOf(at) as object | null;
  }
  for (const name of ["constructor", "prototype", "length", "name", "arguments", "caller"])
    names.delete(name);
  return [...names];
}

function member(value: object, name: string): unknown {
  return attempt(() => (value as Record<string, unknown>)[name]);
}

function attempt<T>(run: () => T): T | null {
  try {
    return run();
  } catch {
    return null;
  }
}

const recorder = new Recorder();
let calls: { method: Method; path: string }[] = [];

beforeAll(async () => {
  // The walk knows nothing of the SDK's types: it calls whatever is there.
  const load = twilioNode as unknown as (sid: string, token: string, options: object) => object;
  await recorder.walk(load(ACCOUNT, "token", { httpClient: recorder.httpClient, accountSid: ACCOUNT }));
  calls = [...recorder.recorded.values()].map(({ method, uri }) => ({
    method: method as Method,
    path: pathOf(uri),
  }));
});

/** The path by which the proxy is asked for what the SDK would ask Twilio for. */
function pathOf(uri: string): string {
  const { origin, pathname } = new URL(uri);
  const host = Object.values(twilio.hosts).find((known) => known.origin === origin);
  return `${host?.prefix ?? "/unknown-host"}${pathname}`;
}

describe("twilio-node", () => {
  it("was walked through", () => {
    expect(recorder.recorded.size).toBeGreaterThan(900);
  });

  it("uses no host that is not named", () => {
    expect(calls.filter(({ path }) => path.startsWith("/unknown-host"))).toEqual([]);
    for (const [name, { prefix }] of Object.entries(twilio.hosts))
      expect(hostOf(`${prefix}/v1/x`)).toBe(name);
  });

  it("reaches every endpoint of the catalogue, in its spelling", () => {
    const reached = new Set(
      calls.map(({ method, path }) => findTwilioEndpoint(method, path)?.endpoint.operation),
    );
    const strangers = twilio.endpoints.filter(({ operation }) => !reached.has(operation));
    expect(strangers.map(({ operation }) => operation)).toEqual([]);
  });

  it("sends canonical paths", () => {
    for (const { path } of calls)
      if (findTwilioEndpoint("GET", path)) expect(readTarget(path)).toMatchObject({ path });
  });

  it("finds nothing that makes credentials open", () => {
    const minting =
      /\/(?:Keys|SigningKeys|Tokens|AccessTokens|AuthTokens|Credentials|CredentialLists|OAuthApps|token)\b/;
    const open = calls
      .filter(({ path }) => minting.test(path))
      .filter(({ method, path }) => findTwilioEndpoint(method, path)?.endpoint.forbidden === false);
    expect(open).toEqual([]);
  });

  it("can change nothing and cost nothing in products without prices", () => {
    const priced = new Set(["main", "verify", "lookups"]);
    const open = calls
      .filter(({ path }) => !priced.has(hostOf(path)))
      .filter(({ method, path }) => {
        const endpoint = findTwilioEndpoint(method, path)?.endpoint;
        return endpoint?.accounted && !endpoint.forbidden;
      });
    expect(open).toEqual([]);
  });
});
