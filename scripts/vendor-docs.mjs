// Writes docs/vendors/<vendor>.md from the catalogues in packages/core. `--check` fails when a page is not up to date.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeEndpoint, VENDOR_NAMES, VENDORS } from "@keybrake/core";

const FOLDER = join(dirname(dirname(fileURLToPath(import.meta.url))), "docs", "vendors");
const isCheck = process.argv.includes("--check");
const stale = VENDOR_NAMES.filter((name) => {
  const file = join(FOLDER, `${name}.md`);
  const text = renderPage(name);
  if (!isCheck) writeFileSync(file, text);
  return isCheck && readPage(file) !== text;
});
if (stale.length > 0) {
  console.error(`docs/vendors is not up to date for ${stale.join(", ")}: run \`pnpm docs:vendors\``);
  process.exitCode = 1;
}

function readPage(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

function renderPage(name) {
  const vendor = VENDORS[name];
  const entries = vendor.endpoints.map((endpoint) => ({
    ...endpoint,
    ...describeEndpoint(vendor, endpoint),
  }));
  const ofKind = (kind) => entries.filter((entry) => entry.kind === kind);
  const title = name[0].toUpperCase() + name.slice(1);
  return [
    `# ${title}: what Keybrake knows`,
    "",
    `Made from the catalogue in \`packages/core/src/vendors/${name}\`. The same list: \`keybrake endpoints ${name}\`.`,
    "An endpoint that is not here is refused. Either name may stand in `allowed_endpoints`: the operation, or method and path.",
    "",
    ...section(
      "Money moves",
      "Direction, the rule that prices it before, and the rule that reads its cost after.",
      ofKind("priced"),
      pricedRow,
      ["operation", "endpoint", "direction", "priced by", "settled by"],
    ),
    ...rules(vendor, ofKind("priced")),
    ...section(
      "No price",
      "What they cost cannot be known before; a policy with `on_unpriced: allow` lets them through.",
      ofKind("unpriced"),
      unpricedRow,
      ["operation", "endpoint", "direction", "why"],
    ),
    ...section(
      "Changes without a price",
      "They count in `daily_call_cap` and `total_call_cap`.",
      ofKind("change"),
      plainRow,
      ["operation", "endpoint"],
    ),
    ...section("Free reads", "Streamed as the vendor sends them.", ofKind("read"), plainRow, [
      "operation",
      "endpoint",
    ]),
    ...section(
      "Never allowed",
      "They create or show credentials; no policy can allow them.",
      ofKind("forbidden"),
      plainRow,
      ["operation", "endpoint"],
    ),
  ].join("\n");
}

function rules({ priceRules }, priced) {
  const used = new Set(priced.map(({ quote }) => quote));
  const lines = Object.entries(priceRules).flatMap(([rule, text]) =>
    used.has(rule) ? [`- \`${rule}\`: ${text}`] : [],
  );
  return ["What the rules price by:", "", ...lines, ""];
}

function section(title, text, endpoints, row, columns) {
  if (endpoints.length === 0) return [];
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [
    `## ${title} (${endpoints.length})`,
    "",
    text,
    "",
    line(columns),
    line(columns.map(() => "---")),
    ...endpoints.map((endpoint) => line(row(endpoint))),
    "",
  ];
}

function plainRow({ operation, method, template }) {
  return [`\`${operation}\``, `\`${method} ${template.text}\``];
}

function unpricedRow(entry) {
  return [...plainRow(entry), entry.direction ?? "", entry.needs];
}

function pricedRow(endpoint) {
  return [...plainRow(endpoint), endpoint.direction ?? "", endpoint.quote, endpoint.settle];
}
