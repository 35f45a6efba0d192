import { PAGE_LIMIT } from "@keybrake/client/contract";
import { z } from "zod";
import { selectAlerts } from "../alerts/alert-store.ts";
import type { Database } from "../ledger/database.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";

const position = z.tuple([z.literal("alerts"), z.iso.datetime(), z.uuid()]);

/** The operation that shows what was raised, and where it was sent. */
export function mountAlerts(api: AdminApi, database: Database): void {
  mount(api, "listAlerts", async ({ query }) => {
    const { cursor, limit = PAGE_LIMIT, ...filter } = query;
    const found = decodeCursor(position, cursor);
    const after = found === null ? null : { raisedAt: found[1], id: found[2] };
    const alerts = await selectAlerts(database, filter, after, limit + 1);
    const page = toPage(
      alerts,
      limit,
      (alert) => alert,
      ({ raised_at: at, id }) => ["alerts", at, id],
    );
    return reply(200, page);
  });
}
