import {
  type CatalogueEntry,
  describeEndpoint,
  type Endpoint,
  VENDOR_NAMES,
  VENDORS,
  type VendorName,
} from "@keybrake/core";
import type { Command } from "commander";
import type { Run } from "../context.ts";
import { CliError, EXIT } from "../exit.ts";
import type { Column } from "../terminal.ts";

type Entry = Endpoint & CatalogueEntry;

const COLUMNS: readonly Column<Entry>[] = [
  { name: "OPERATION", value: ({ operation }) => operation },
  { name: "METHOD", value: ({ method }) => method },
  { name: "PATH", value: ({ template }) => template.text },
  { name: "MONEY", value: ({ direction }) => direction ?? "" },
  { name: "PRICED BY", value: ({ quote }) => (quote === "none" ? "" : quote) },
  { name: "RULE", value: ({ kind }) => RULES[kind] },
];

const RULES: Readonly<Record<Entry["kind"], string>> = {
  read: "free read",
  change: "",
  priced: "",
  unpriced: "no price",
  forbidden: "never allowed",
};

/** `keybrake endpoints <vendor>`: what this version knows of a vendor's API. Asks no server. */
export function addEndpoints(program: Command, run: Run): void {
  program
    .command("endpoints <vendor>")
    .description("the endpoints that this version knows of a vendor, with the money rule that holds for each")
    .option("--find <text>", "only those whose name or path has this text")
    .action(
      run(async (context, options, vendor = "") => {
        const { find = "" } = options;
        const adapter = VENDORS[readVendor(vendor)];
        const found = adapter.endpoints
          .filter(({ operation, template }) => operation.includes(find) || template.text.includes(find))
          .map((endpoint) => ({ ...endpoint, ...describeEndpoint(adapter, endpoint) }));
        if (context.isJson) return context.json(found.map(describe));
        context.list({ data: found, next_cursor: null }, COLUMNS, found);
      }),
    );
}

function readVendor(text: string): VendorName {
  const vendor = VENDOR_NAMES.find((name) => name === text);
  if (vendor === undefined) {
    throw new CliError(EXIT.usage, `\`${text}\` is no vendor: use one of ${VENDOR_NAMES.join(", ")}`);
  }
  return vendor;
}

function describe(entry: Entry) {
  const { operation, method, template, direction, quote, settle, accounted, forbidden, metadata, streams } =
    entry;
  const { kind, money, needs } = entry;
  return {
    ...{ operation, method, path: template.text, direction, quote, settle },
    ...{ accounted, forbidden, metadata, streams, kind, money, needs },
  };
}
