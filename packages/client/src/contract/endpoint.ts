import { DIRECTIONS, ENDPOINT_KINDS } from "@keybrake/core";
import { z } from "zod";
import { vendor } from "./identifier.ts";
import { pageQuery } from "./page.ts";

/** One endpoint of a vendor's catalogue. An endpoint that is in none is refused. */
export const endpointSchema = z
  .object({
    vendor,
    operation: z.string().describe("may stand in `allowed_endpoints`, as `METHOD /path` may"),
    method: z.string(),
    path: z.string().describe("`{name}` is one identifier; a pattern has `*` there"),
    kind: z
      .enum(ENDPOINT_KINDS)
      .describe(
        "`read` = free and changes nothing; `change` = free, counts in call caps; `priced` = money moves, priced before; " +
          "`unpriced` = its cost cannot be known before, refused unless `on_unpriced` is `allow`; `forbidden` = never allowed",
      ),
    direction: z.enum(DIRECTIONS).nullable().describe("where its money goes; null = none moves"),
    money: z.string().describe("one sentence: how its price is known"),
    needs: z.string().nullable().describe("what would give it a price; null unless it is `unpriced`"),
  })
  .meta({ id: "Endpoint" });

export const listEndpointsQuery = z.strictObject({
  vendor: vendor.optional().describe("every vendor when absent"),
  q: z.string().max(200).optional().describe("only those whose operation, method or path has this text"),
  ...pageQuery,
});

export type EndpointEntry = z.infer<typeof endpointSchema>;
export type ListEndpoints = z.input<typeof listEndpointsQuery>;
