import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import https from "node:https";
import { syncBuiltinESMExports } from "node:module";
import tls from "node:tls";
import { urlToHttpOptions } from "node:url";
import type { VendorBaseUrl } from "../vendor-base-url.ts";
import type { Redirection } from "./redirection.ts";
import { findVendorHost } from "./vendor-host.ts";

type Answered = (response: IncomingMessage) => void;
type Options = RequestOptions & Record<string, unknown>;

/** A base, and what goes between it and the path of a request. */
interface Destination {
  readonly base: VendorBaseUrl;
  readonly pathPrefix: string;
}

type Find = (host: string) => Destination | null;
type AddedHeaders = Redirection["headers"];

/**
 * What a redirected request keeps of its options. Everything else describes the connection to the vendor (agent, port,
 * certificates, resolver), and would be wrong for the proxy.
 */
const KEPT_OPTIONS = [
  "auth",
  "insecureHTTPParser",
  "joinDuplicateHeaders",
  "maxHeaderSize",
  "method",
  "setDefaultHeaders",
  "setHost",
  "signal",
  "timeout",
  "uniqueHeaders",
] as const;

/**
 * Sends every request for a vendor's host to that vendor's base from here on, whichever way it is made: `http`, `https`
 * and `fetch` are redirected, and a TLS connection to such a host made in any other way is refused. That is done here
 * and not in the SDKs because they can be bundled, copied, or hold several clients, and none of that may matter. Requests
 * for other hosts, and vendors without a base, are passed on untouched.
 */
export function interceptRequests(redirection: Redirection): void {
  const find: Find = (host) => {
    const found = findVendorHost(host);
    const base = found === null ? undefined : redirection.bases[found.vendor];
    return found === null || base === undefined ? null : { base, pathPrefix: found.pathPrefix };
  };
  interceptNodeRequests(find, redirection.headers);
  globalThis.fetch = redirectFetch(globalThis.fetch, find, redirection.headers);
  tls.connect = refuseConnections(tls.connect, find);
  // For `import { request } from "node:https"`.
  syncBuiltinESMExports();
}

function interceptNodeRequests(find: Find, added: AddedHeaders): void {
  const agents = {
    "http:": new http.Agent({ keepAlive: true }),
    "https:": new https.Agent({ keepAlive: true }),
  };
  const original = { "http:": http.request, "https:": https.request };
  for (const [protocol, module] of [
    ["http:", http],
    ["https:", https],
  ] as const) {
    const request = (...parameters: unknown[]): ClientRequest => {
      const { options, answered } = readParameters(parameters);
      const target = findTarget(options, find);
      if (target === null) return Reflect.apply(original[protocol], module, parameters);
      const { base } = target.destination;
      const redirected = {
        ...Object.fromEntries(
          KEPT_OPTIONS.flatMap((name) => (name in options ? [[name, options[name]]] : [])),
        ),
        protocol: base.protocol,
        hostname: base.hostname,
        ...(base.port !== "" && { port: base.port }),
        path: base.pathPrefix + target.destination.pathPrefix + target.path,
        headers: mergeHeaders(options.headers, added) as RequestOptions["headers"],
        agent: agents[base.protocol],
      };
      return original[base.protocol](redirected, answered);
    };
    const get = (...parameters: unknown[]): ClientRequest => {
      const sent = request(...parameters);
      sent.end();
      return sent;
    };
    Object.assign(module, { request, get });
  }
}

/** As Node reads them: `(url, options?, callback?)` or `(options, callback?)`. */
function readParameters(parameters: readonly unknown[]): {
  options: Options;
  answered: Answered | undefined;
} {
  const [first, ...rest] = parameters;
  const url = typeof first === "string" ? new URL(first) : first instanceof URL ? first : null;
  const [second, third] = url === null ? [first, ...rest] : rest;
  const own = typeof second === "function" ? {} : (second ?? {});
  const answered = typeof second === "function" ? second : third;
  return {
    options: { ...(url === null ? {} : urlToHttpOptions(url)), ...own } as Options,
    answered: answered as Answered | undefined,
  };
}

/** Where a request for a vendor goes instead, and its own path; null when it is for no vendor. */
function findTarget(options: Options, find: Find): { destination: Destination; path: string } | null {
  if (options.socketPath) return null;
  const path = options.path ? String(options.path) : "/";
  // A forward proxy is given whole URLs as paths.
  const forwarded = /^https?:\/\//i.test(path) && URL.canParse(path) ? new URL(path) : null;
  const destination = find(forwarded?.hostname ?? String(options.hostname || options.host || ""));
  if (destination === null) return null;
  const own = forwarded === null ? path : forwarded.pathname + forwarded.search;
  return { destination, path: own.startsWith("/") ? own : `/${own}` };
}

/** The headers of one request with those that we add, without the old host's name. Node also takes them as lists. */
function mergeHeaders(headers: RequestOptions["headers"], added: AddedHeaders): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  const lowerNames = new Set<string>();
  for (const [name, value] of listHeaders(headers)) {
    const lowerName = name.toLowerCase();
    if (lowerName === "host" || lowerName === "proxy-authorization") continue;
    lowerNames.add(lowerName);
    merged[name] = name in merged ? [merged[name], value].flat() : value;
  }
  for (const [name, value] of Object.entries(added)) {
    if (!lowerNames.has(name.toLowerCase())) merged[name] = value;
  }
  return merged;
}

function listHeaders(headers: unknown): (readonly [string, unknown])[] {
  if (!Array.isArray(headers)) return Object.entries(headers ?? {});
  if (Array.isArray(headers[0])) return headers.map(([name, value]) => [String(name), value]);
  return headers.flatMap((name, at) => (at % 2 === 0 ? [[String(name), headers[at + 1]] as const] : []));
}

function redirectFetch(original: typeof fetch, find: Find, added: AddedHeaders): typeof fetch {
  return async function fetch(input, init) {
    const text = input instanceof Request ? input.url : String(input);
    const url = URL.canParse(text) ? new URL(text) : null;
    const destination = url === null ? null : find(url.hostname);
    if (url === null || destination === null) return original(input, init);
    const address = destination.base.url + destination.pathPrefix + url.pathname + url.search;
    // Through a request of our own, so that `init` overrides a given one by the same rules as ever.
    const request = new Request(input instanceof Request ? new Request(address, input) : address, init);
    for (const [name, value] of Object.entries(added)) {
      if (!request.headers.has(name)) request.headers.set(name, value);
    }
    const dispatcher = init ? Reflect.get(init, "dispatcher") : undefined;
    return original(request, dispatcher === undefined ? undefined : ({ dispatcher } as RequestInit));
  };
}

/** What reaches this for a vendor's host has passed by the redirection, and would take the vault key to the vendor. */
function refuseConnections(original: typeof tls.connect, find: Find): typeof tls.connect {
  return function connect(...parameters: unknown[]): tls.TLSSocket {
    const names = parameters.flatMap((parameter) => {
      if (typeof parameter === "string") return [parameter];
      if (typeof parameter !== "object" || parameter === null) return [];
      return [Reflect.get(parameter, "host"), Reflect.get(parameter, "servername")];
    });
    for (const name of names) {
      if (typeof name !== "string" || find(name) === null) continue;
      throw new Error(
        `keybrake refused a connection to \`${name}\`: it was made in a way that cannot be redirected to the proxy; ` +
          "use the vendor's SDK, `fetch` or `node:https`",
      );
    }
    return Reflect.apply(original, tls, parameters);
  };
}
