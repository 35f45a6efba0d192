import { DIRECTIONS, type Direction } from "../call.ts";
import { isMethod, type Method, matchTemplate, parseTemplate } from "../endpoint.ts";
import type { Endpoint } from "../operation.ts";

const FLAGS = new Set(["metadata", "forbidden", "accounted", "streams"]);

/** An endpoint together with the identifiers that a path has at its parameters. */
export interface Found {
  readonly endpoint: Endpoint;
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * A vendor's catalogue: every endpoint that Keybrake knows, with the money rules that hold for it.
 *
 * It is written as a table, one endpoint a line, in seven columns separated by spaces:
 *
 *     operation                METHOD  path                          direction  quote   settle          options
 *     payment_intents.create   POST    /v1/payment_intents           in         amount  payment_intent  metadata
 *     customers.retrieve       GET     /v1/customers/{customer}      none       none    none            -
 *     quotes.pdf               GET     /v1/quotes/{quote}/pdf        none       none    none            host=files,streams
 *
 * `direction` is in, out, fee or none. `quote` and `settle` name rules of the vendor's adapter. Options are flags
 * (metadata, forbidden, accounted, streams) and settings (`name=value`) that mean something to the adapter. Every method
 * but GET is accounted; a GET only when it has a direction or says so. Lines that are empty or start with `#` are skipped.
 */
export class Catalogue {
  readonly endpoints: readonly Endpoint[];
  /** By `METHOD segment-count`, literal segments before parameters, so that a look-up compares a handful. */
  readonly #byShape = new Map<string, Endpoint[]>();

  /** Throws a TypeError that quotes the first line that is no endpoint. */
  constructor(table: string) {
    this.endpoints = table
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map(readLine);
    for (const endpoint of this.endpoints) {
      const shape = shapeOf(endpoint.method, endpoint.template.segments.length + 1);
      this.#byShape.set(shape, [...(this.#byShape.get(shape) ?? []), endpoint]);
    }
    // `{` sorts behind every character of a literal segment, so `/charges/search` is tried before `/charges/{charge}`.
    for (const group of this.#byShape.values())
      group.sort((a, b) => (a.template.text < b.template.text ? -1 : 1));
  }

  /** Finds the endpoint of a canonical path; null when the catalogue does not know it. HEAD is looked up as GET. */
  find(method: Method, path: string): Found | null {
    const lookedUp = method === "HEAD" ? "GET" : method;
    for (const endpoint of this.#byShape.get(shapeOf(lookedUp, path.split("/").length)) ?? []) {
      const parameters = matchTemplate(endpoint.template, path);
      if (parameters !== null) return { endpoint, parameters };
    }
    return null;
  }
}

function readLine(line: string): Endpoint {
  const [operation = "", method = "", path = "", direction = "", quote = "", settle = "", options = ""] =
    line.split(/\s+/);
  if (!isMethod(method) || !path.startsWith("/") || options === "") {
    throw new TypeError(`no endpoint of a catalogue: ${line}`);
  }
  if (direction !== "none" && !(DIRECTIONS as readonly string[]).includes(direction))
    throw new TypeError(`no direction: ${line}`);
  const words = options === "-" ? [] : options.split(",");
  const stray = words.find((word) => !word.includes("=") && !FLAGS.has(word));
  if (stray !== undefined) throw new TypeError(`\`${stray}\` is no option of an endpoint: ${line}`);
  const flags = new Set(words);
  return {
    operation,
    method,
    template: parseTemplate(path),
    direction: direction === "none" ? null : (direction as Direction),
    accounted: method !== "GET" || direction !== "none" || flags.has("accounted"),
    forbidden: flags.has("forbidden"),
    metadata: flags.has("metadata"),
    streams: flags.has("streams") || (method === "GET" && direction === "none" && !flags.has("accounted")),
    quote,
    settle,
    options: new Map(words.filter((word) => word.includes("=")).map((word) => splitOption(word))),
  };
}

function splitOption(word: string): [string, string] {
  const mark = word.indexOf("=");
  return [word.slice(0, mark), word.slice(mark + 1)];
}

function shapeOf(method: Method, segmentCount: number): string {
  return `${method} ${segmentCount}`;
}
