import { PAGE_LIMIT } from "@keybrake/client/contract";
import { generateAdminToken, hashAdminToken, parseDuration } from "@keybrake/core";
import { z } from "zod";
import type { Database } from "../ledger/database.ts";
import { insertAdminToken, revokeAdminToken, selectAdminTokens } from "./admin-token-store.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";

const position = z.tuple([z.literal("admin-tokens"), z.string().regex(/^[0-9]{1,18}$/), z.uuid()]);

/** The operations on admin tokens. A token in clear is in one answer only: its creation's. */
export function mountAdminTokens(api: AdminApi, database: Database, pepper: Uint8Array): void {
  mount(api, "createAdminToken", async ({ body, audited }) => {
    const token = generateAdminToken(body.role);
    const created = await insertAdminToken(audited, {
      hash: hashAdminToken(pepper, token),
      name: body.name,
      role: body.role,
      lifetimeSeconds: body.expires_in === undefined ? null : parseDuration(body.expires_in),
    });
    return reply(201, { ...created, token });
  });

  mount(api, "listAdminTokens", async ({ query }) => {
    const limit = query.limit ?? PAGE_LIMIT;
    const cursor = decodeCursor(position, query.cursor);
    const after = cursor === null ? null : { createdMicros: cursor[1], id: cursor[2] };
    const found = await selectAdminTokens(database, after, limit + 1);
    const page = toPage(
      found,
      limit,
      ({ token }) => token,
      ({ token, createdMicros }) => ["admin-tokens", createdMicros.toString(), token.id],
    );
    return reply(200, page);
  });

  mount(api, "revokeAdminToken", async ({ params, audited }) => {
    if (await revokeAdminToken(audited, params.id)) return reply(204);
    throw new ProblemError("not_found", { detail: `there is no admin token \`${params.id}\` in use` });
  });
}
