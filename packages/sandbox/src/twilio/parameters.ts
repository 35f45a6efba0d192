import { headerOf, type VendorRequest } from "../vendor.ts";
import { badRequest } from "./error.ts";

/** The named parameters of a call. Names are as sent, in Twilio's CamelCase. */
export class TwilioParameters {
  readonly #query: URLSearchParams;
  readonly #body: URLSearchParams;

  constructor(request: VendorRequest) {
    this.#query = new URLSearchParams(request.query);
    this.#body = new URLSearchParams(bodyOf(request));
  }

  /** The value; of a repeated name the last one, of body and query the body. Undefined when absent or empty. */
  text(name: string): string | undefined {
    const value = this.all(name).at(-1);
    return value === "" ? undefined : value;
  }

  /** As {@link text}, but an empty value counts. */
  has(name: string): boolean {
    return this.all(name).length > 0;
  }

  /** Every value of a repeatable name. */
  all(name: string): readonly string[] {
    const values = this.#body.getAll(name);
    return values.length > 0 ? values : this.#query.getAll(name);
  }

  flag(name: string): boolean {
    return this.text(name)?.toLowerCase() === "true";
  }

  /** A whole number from `min` to `max`; throws Twilio's 400 for anything else. */
  integer(name: string, fallback: number, [min, max]: readonly [number, number]): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    if (/^\d{1,12}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    throw badRequest(20001, `Invalid parameter ${name}: expected a whole number from ${min} to ${max}`);
  }

  /** The query without the parameters named, for the link to another page. */
  queryWithout(names: readonly string[]): URLSearchParams {
    const query = new URLSearchParams(this.#query);
    for (const name of names) query.delete(name);
    return query;
  }
}

function bodyOf(request: VendorRequest): string {
  const { body } = request;
  if (body === "") return "";
  const type = headerOf(request, "content-type") ?? "";
  if (!type.toLowerCase().startsWith("application/x-www-form-urlencoded")) {
    throw badRequest(20001, "The body is not application/x-www-form-urlencoded");
  }
  return Buffer.from(body, "latin1").toString("utf8");
}
