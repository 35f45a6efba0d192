import { PAGE_LIMIT } from "@keybrake/client/contract";
import { z } from "zod";
import type { AlertAddresses } from "../alerts/alert-addresses.ts";
import type { AlertChannelChange, AlertChannels } from "../alerts/alert-channels.ts";
import type { AlertDeliveries } from "../alerts/alert-deliveries.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";

const position = z.tuple([z.literal("alert-channels"), z.string(), z.uuid()]);

/** The parts of the server that know where alerts go. */
export interface AlertParts {
  readonly channels: AlertChannels;
  readonly deliveries: Pick<AlertDeliveries, "sendTest">;
  readonly addresses: AlertAddresses;
}

/** The operations on where alerts go. An address goes in and never comes out; a signing secret comes out once. */
export function mountAlertChannels(api: AdminApi, { channels, deliveries, addresses }: AlertParts): void {
  const describe = async (id: string) => {
    const channel = await channels.find(id);
    if (channel === null) throw noChannel(id);
    return channel;
  };

  mount(api, "createAlertChannel", async ({ body, audited }) => {
    const { name, kind, url, events = [], min_severity: minSeverity = "info" } = body;
    refuseAddress(addresses, url);
    const created = await channels.create({ name, kind, url, events, minSeverity }, audited);
    if (created === null) throw nameTaken(name);
    return reply(201, { ...(await describe(created.id)), signing_secret: created.signingSecret });
  });

  mount(api, "listAlertChannels", async ({ query }) => {
    const limit = query.limit ?? PAGE_LIMIT;
    const cursor = decodeCursor(position, query.cursor);
    const found = await channels.list(cursor === null ? null : { name: cursor[1], id: cursor[2] }, limit + 1);
    const page = toPage(
      found,
      limit,
      (channel) => channel,
      ({ name, id }) => ["alert-channels", name, id],
    );
    return reply(200, page);
  });

  mount(api, "updateAlertChannel", async ({ params, body, audited }) => {
    const { min_severity: minSeverity, ...rest } = body;
    if (body.url !== undefined) refuseAddress(addresses, body.url);
    const given = { ...rest, ...(minSeverity === undefined ? {} : { minSeverity }) };
    const outcome = await channels.update(params.id, given as AlertChannelChange, audited);
    if (outcome === "missing") throw noChannel(params.id);
    if (outcome === "taken") throw nameTaken(body.name ?? "");
    return reply(200, await describe(params.id));
  });

  mount(api, "deleteAlertChannel", async ({ params, audited }) => {
    if (!(await channels.delete(params.id, audited))) throw noChannel(params.id);
    return reply(204);
  });

  mount(api, "testAlertChannel", async ({ params, audited }) => {
    const [row] = await audited.query("SELECT id FROM raise_test_alert($1) AS id", [params.id]);
    if (row === undefined) throw noChannel(params.id);
    return reply(200, await deliveries.sendTest(row["id"] as string, params.id));
  });
}

function refuseAddress(addresses: AlertAddresses, url: string): void {
  const problem = addresses.findProblem(new URL(url));
  if (problem === null) return;
  throw new ProblemError("address_refused", {
    detail: `\`url\` ${problem}`,
    problems: [{ field: "url", message: problem }],
  });
}

function nameTaken(name: string): ProblemError {
  return new ProblemError("alert_channel_exists", { detail: `there is an alert channel named \`${name}\`` });
}

function noChannel(id: string): ProblemError {
  return new ProblemError("not_found", { detail: `there is no alert channel \`${id}\`` });
}
