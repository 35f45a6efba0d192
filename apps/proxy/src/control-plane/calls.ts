import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Call, type CallPage, PAGE_LIMIT } from "@keybrake/client/contract";
import type { Request, Response } from "express";
import { z } from "zod";
import type { Database } from "../ledger/database.ts";
import { exportCalls } from "./call-export.ts";
import { type CallPosition, selectCall } from "./call-store.ts";
import { type CallFilter, walkCalls } from "./call-walk.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { type AdminApi, mount, mountStream, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";

const position = z.tuple([z.literal("calls"), z.iso.datetime(), z.uuid()]);
const MEDIA_TYPES = {
  json: "application/json",
  csv: "text/csv",
  ndjson: "application/x-ndjson",
} as const;
type Format = keyof typeof MEDIA_TYPES;
/** How long one page looks for calls that no index finds: with what comes before and after, an answer in 300 ms. */
const SEARCH_MS = 150;

/** The operations on the audit log. `longDatabase` serves exports, which may take any time. */
export function mountCalls(api: AdminApi, database: Database, longDatabase: Database): void {
  mountStream(api, "listCalls", async ({ query }, { request, response }) => {
    const { cursor, limit, format: asked, ...filter } = query;
    const format = asked ?? negotiate(request);
    const found = decodeCursor(position, cursor);
    const after: CallPosition | null = found === null ? null : { requestedAt: found[1], id: found[2] };
    if (format !== "json") {
      const rowsMax = limit ?? null;
      return sendStream(response, format, exportCalls(longDatabase, { format, filter, after, rowsMax }));
    }
    response.json(await readPage(database, filter, after, limit ?? PAGE_LIMIT));
  });

  mount(api, "getCall", async ({ params }) => {
    const call = await selectCall(database, params.id);
    if (call === null) throw new ProblemError("not_found", { detail: `there is no call \`${params.id}\`` });
    return reply(200, call);
  });
}

/** One page; of a search what it finds in its time. Whatever is not on it comes behind its cursor. */
async function readPage(
  database: Database,
  filter: CallFilter,
  after: CallPosition | null,
  limit: number,
): Promise<CallPage> {
  const endMs = performance.now() + SEARCH_MS;
  const calls: Call[] = [];
  for await (const stretch of walkCalls(database, filter, after, limit + 1)) {
    calls.push(...stretch.calls);
    if (calls.length > limit) break;
    if (stretch.next !== null && performance.now() > endMs)
      return { data: calls, next_cursor: cursorOf(stretch.next), searched_to: stretch.next.requestedAt };
  }
  const data = calls.slice(0, limit);
  const last = calls.length > limit ? data.at(-1) : undefined;
  const next = last === undefined ? null : cursorOf({ requestedAt: last.requested_at, id: last.id });
  return { data, next_cursor: next, searched_to: null };
}

function cursorOf({ requestedAt, id }: CallPosition): string {
  return encodeCursor(["calls", requestedAt, id]);
}

function negotiate(request: Request): Format {
  const accepted = request.accepts(Object.values(MEDIA_TYPES));
  const format = (Object.keys(MEDIA_TYPES) as Format[]).find((name) => MEDIA_TYPES[name] === accepted);
  if (format !== undefined) return format;
  const detail = `accept one of ${Object.values(MEDIA_TYPES).join(", ")}`;
  throw new ProblemError("not_acceptable", { detail });
}

/** Waits for the first part, so that a failure before it is still a proper answer; a later one cuts the connection. */
async function sendStream(
  response: Response,
  format: "csv" | "ndjson",
  parts: AsyncGenerator<string, void, undefined>,
): Promise<void> {
  const first = await parts.next();
  response.status(200).type(`${MEDIA_TYPES[format]}; charset=utf-8`);
  if (format === "csv") response.setHeader("content-disposition", 'attachment; filename="calls.csv"');
  const rest = async function* () {
    if (!first.done) yield first.value;
    yield* parts;
  };
  try {
    await pipeline(Readable.from(rest()), response);
  } catch (error) {
    // A reader that leaves in the middle is no fault.
    if (!response.destroyed || !isPrematureClose(error)) throw error;
  }
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE";
}
