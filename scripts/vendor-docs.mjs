// Writes docs/vendors/<vendor>.md from the catalogues in packages/core. `--check` fails when a page is not up to date.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { VENDOR_NAMES, VENDORS } from "@keybrake/core";

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
  const { endpoints } = VENDORS[name];
  const priced = endpoints.filter(({ forbidden, quote }) => !forbidden && quote !== "none");
  const changing = endpoints.filter((endpoint) => isChange(endpoint));
  const reads = endpoints.filter((endpoint) => isRead(endpoint));
  const forbidden = endpoints.filter((endpoint) => endpoint.forbidden);
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
      priced,
      pricedRow,
      ["operation", "endpoint", "direction", "priced by", "settled by"],
    ),
    ...section(
      "Changes without a price",
      "They count in `daily_call_cap` and `total_call_cap`.",
      changing,
      plainRow,
      ["operation", "endpoint"],
    ),
    ...section("Free reads", "Streamed as the vendor sends them.", reads, plainRow, [
      "operation",
      "endpoint",
    ]),
    ...section(
      "Never allowed",
      "They create or show credentials; no policy can allow them.",
      forbidden,
      plainRow,
      ["operation", "endpoint"],
    ),
  ].join("\n");
}

function isChange({ forbidden, quote, accounted }) {
  return !forbidden && quote === "none" && accounted;
}

function isRead({ forbidden, quote, accounted }) {
  return !forbidden && quote === "none" && !accounted;
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

function pricedRow(endpoint) {
  return [...plainRow(endpoint), endpoint.direction ?? "", endpoint.quote, endpoint.settle];
}
