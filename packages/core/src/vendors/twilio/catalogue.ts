import type { Method } from "../../endpoint.ts";
import { Catalogue, type Found } from "../catalogue.ts";
import { TWILIO_TABLE } from "./endpoints.ts";

const CATALOGUE = new Catalogue(TWILIO_TABLE);

/** Every endpoint of Twilio that this version knows. */
export const TWILIO_ENDPOINTS = CATALOGUE.endpoints;

const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9_~:@+,=-]{0,254}$/;

/**
 * Finds the endpoint of a canonical path, with the identifiers that stand in it. An identifier is compared without
 * what follows it in its segment (`{Sid}.json`), and a phone number may have its plus.
 */
export function findTwilioEndpoint(method: Method, path: string): Found | null {
  const found = CATALOGUE.find(method, path.replaceAll(/\/\+(?=[1-9][0-9]*(?:\/|$))/g, "/"));
  if (found === null) return null;
  const actual = path.slice(1).split("/");
  const parameters = new Map<string, string>();
  for (const [index, expected] of found.endpoint.template.segments.entries()) {
    const match = /^\{(\w+)\}(.*)$/.exec(expected);
    if (match === null) continue;
    const [, name = "", ending = ""] = match;
    const segment = actual[index] ?? "";
    if (!segment.endsWith(ending)) return null;
    const value = segment.slice(0, segment.length - ending.length);
    if (!IDENTIFIER.test(value.replace(/^\+/, ""))) return null;
    parameters.set(name, value);
  }
  return { endpoint: found.endpoint, parameters };
}
