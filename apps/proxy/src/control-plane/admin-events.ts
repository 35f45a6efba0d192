import { PAGE_LIMIT } from "@keybrake/client/contract";
import { z } from "zod";
import type { Database } from "../ledger/database.ts";
import { selectAdminEvents } from "./admin-event-store.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";

const position = z.tuple([z.literal("admin-events"), z.iso.datetime(), z.uuid()]);

/** The operation that shows what operators did and what they were refused. */
export function mountAdminEvents(api: AdminApi, database: Database): void {
  mount(api, "listAdminEvents", async ({ query }) => {
    const { cursor, limit = PAGE_LIMIT, ...filter } = query;
    const found = decodeCursor(position, cursor);
    const after = found === null ? null : { at: found[1], id: found[2] };
    const events = await selectAdminEvents(database, filter, after, limit + 1);
    return reply(
      200,
      toPage(
        events,
        limit,
        (event) => event,
        ({ at, id }) => ["admin-events", at, id],
      ),
    );
  });
}
