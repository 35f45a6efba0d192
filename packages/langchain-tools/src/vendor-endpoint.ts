import { type Endpoint, VENDOR_NAMES, VENDORS, type VendorName } from "@keybrake/core";

/** An endpoint of the catalogue and whose it is. */
export interface VendorEndpoint {
  readonly vendor: VendorName;
  readonly endpoint: Endpoint;
}

const ALL: readonly VendorEndpoint[] = VENDOR_NAMES.flatMap((vendor) =>
  VENDORS[vendor].endpoints.map((endpoint) => ({ vendor, endpoint })),
);

/**
 * Finds an endpoint by its operation (`payment_intents.create`) or by method and path (`POST /v1/refunds`,
 * `GET /v1/customers/{customer}`, where any name or `*` may stand for an identifier). Throws a RangeError for one that
 * the catalogue does not know, that needs `vendor` to be unambiguous, or that no vault key can ever call.
 */
export function findVendorEndpoint(name: string, vendor?: VendorName): VendorEndpoint {
  const found = ALL.filter(
    (candidate) => (vendor === undefined || candidate.vendor === vendor) && matches(candidate.endpoint, name),
  );
  const [first, second] = found;
  if (first === undefined)
    throw new RangeError(
      `no endpoint \`${name}\`${vendor === undefined ? "" : ` of ${vendor}`}${suggest(name)}`,
    );
  if (second !== undefined) {
    const vendors = found.map((candidate) => candidate.vendor).join(" and ");
    throw new RangeError(`\`${name}\` is an operation of ${vendors}: say which \`vendor\``);
  }
  if (first.endpoint.forbidden)
    throw new RangeError(
      `\`${name}\` makes or shows credentials, so no vault key can call it and there is no tool for it`,
    );
  return first;
}

function matches({ operation, method, template }: Endpoint, name: string): boolean {
  if (name === operation) return true;
  const [, asked, path = ""] = /^([A-Z]+) (\/\S*)$/.exec(name) ?? [];
  return asked === method && shapeOf(path) === shapeOf(template.text);
}

/** A path with its identifiers taken out, so that `{id}`, `{customer}` and `*` are the same. */
function shapeOf(path: string): string {
  return path
    .split("/")
    .map((segment) => segment.replace(/^(?:\{[^}]*\}|\*)(?=\.json$|$)/, "{}"))
    .join("/");
}

function suggest(name: string): string {
  const [resource = name] = name.split(".");
  const near = ALL.filter(({ endpoint }) => endpoint.operation.startsWith(`${resource}.`)).slice(0, 5);
  const names = near.map(({ endpoint }) => `\`${endpoint.operation}\``).join(", ");
  return names === ""
    ? ": write an operation such as `payment_intents.create`, or method and path; `keybrake endpoints` lists them"
    : `: there are ${names}`;
}
