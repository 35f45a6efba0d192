import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Method } from "../src/endpoint.ts";

/** One endpoint of Stripe's API as stripe-node declares it. */
export interface ApiRow {
  readonly method: Method;
  readonly template: string;
  readonly takesMetadata: boolean;
  readonly parameters: readonly string[];
}

const FILE = join(import.meta.dirname, "../../../../shared/data/stripe-endpoints-23.1.0.tsv");

/** All of Stripe's endpoints, when the data folder lies beside the checkout; else null, with a word why. */
export function readStripeApi(): readonly ApiRow[] | null {
  if (!existsSync(FILE)) {
    process.stderr.write("skipped: no stripe-endpoints-23.1.0.tsv in ../shared/data beside the checkout\n");
    return null;
  }
  const [, ...lines] = readFileSync(FILE, "utf8").trim().split("\n");
  return lines.map((line) => {
    const [method = "", template = "", metadata = "", parameters = ""] = line.split("\t");
    return {
      method: method as Method,
      template,
      takesMetadata: metadata === "Y",
      parameters: parameters.split(",").map((name) => name.replace(/\*$/, "")),
    };
  });
}
