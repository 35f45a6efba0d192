import { z } from "zod";
import { agentId, crewRunId, instant, instantOrDay, keyName, uuid } from "./identifier.ts";
import { pageQuery } from "./page.ts";

/** What a channel can ask for. */
export const ALERT_EVENTS = [
  "budget_threshold",
  "denials_spike",
  "unknown_calls",
  "overrun",
  "key_suspended",
  "chain_broken",
  "history_lost",
  "kill_switch",
] as const;

/** What alerts tell of. `test` is what `testAlertChannel` sends, to that channel alone. */
export const ALERT_KINDS = [...ALERT_EVENTS, "test"] as const;

/** From the mildest to the worst. */
export const ALERT_SEVERITIES = ["info", "warning", "critical"] as const;

/** The shares of a budget, in percent, that are told when they are used up. */
export const ALERT_THRESHOLDS = [50, 80, 95, 100] as const;

export const ALERT_CHANNEL_KINDS = ["webhook", "slack"] as const;

/** `pending` = not tried yet, or tried and to be tried again. */
export const ALERT_DELIVERY_STATES = ["pending", "delivered", "failed"] as const;

const events = z
  .array(z.enum(ALERT_EVENTS))
  .max(ALERT_EVENTS.length)
  .describe("which kinds of alerts it wants; empty = every kind");
const minSeverity = z.enum(ALERT_SEVERITIES).describe("alerts that are milder are not sent to it");

/** One way in which an alert goes out, and how far it came. No address stands in it, and no answer's body. */
export const alertDeliverySchema = z
  .object({
    channel_id: uuid,
    channel: z.string().describe("the channel's name"),
    state: z.enum(ALERT_DELIVERY_STATES),
    attempts: z.int().min(0),
    next_attempt_at: instant.nullable().describe("null when it will not be tried again"),
    last_status: z.int().nullable().describe("the HTTP status of the latest attempt; null when none came"),
    last_error: z.string().nullable().describe("why the latest attempt failed"),
    delivered_at: instant.nullable(),
  })
  .meta({ id: "AlertDelivery" });

/** Something that an operator should look at. Fields of its subject are null where they do not apply. */
export const alertSchema = z
  .object({
    id: uuid.describe("also in the header `Keybrake-Alert-Id` of each delivery"),
    kind: z.enum(ALERT_KINDS),
    severity: z.enum(ALERT_SEVERITIES),
    raised_at: instant.describe("by the database's clock"),
    title: z.string(),
    detail: z.string(),
    budget_id: z.string().nullable(),
    window_start: z.iso.date().nullable(),
    mode: z.enum(["live", "test"]).nullable(),
    threshold: z.int().nullable().describe("in percent of the budget's limit"),
    agent_id: z.string().nullable(),
    crew_run_id: z.string().nullable(),
    vault_key_id: uuid.nullable(),
    call_id: uuid.nullable(),
    count: z.int().nullable().describe("how many calls it tells of; it may grow within the hour"),
    deliveries: z.array(alertDeliverySchema),
  })
  .meta({ id: "Alert" });

export const listAlertsQuery = z.strictObject({
  kind: z.enum(ALERT_KINDS).optional(),
  severity: z.enum(ALERT_SEVERITIES).optional(),
  agent_id: agentId.optional(),
  crew_run_id: crewRunId.optional(),
  from: instantOrDay.optional().describe("raised at this instant and later"),
  to: instantOrDay.optional().describe("raised before this instant"),
  ...pageQuery,
});

/** Where alerts go. Its URL is a credential and is never shown: only where it leads. */
export const alertChannelSchema = z
  .object({
    id: uuid,
    name: z.string(),
    kind: z.enum(ALERT_CHANNEL_KINDS),
    origin: z.string().describe("scheme, host and port of its URL"),
    events,
    min_severity: minSeverity,
    enabled: z.boolean(),
    created_at: instant,
    pending: z.int().min(0).describe("alerts that wait to be sent to it"),
    last_delivery: alertDeliverySchema
      .pick({ state: true, attempts: true, last_status: true, last_error: true })
      .extend({ at: instant.describe("of the latest attempt") })
      .nullable(),
  })
  .meta({ id: "AlertChannel" });

/** The answer to a creation: the only place where the signing secret is ever shown. */
export const createdAlertChannelSchema = alertChannelSchema
  .extend({
    signing_secret: z
      .string()
      .nullable()
      .describe("keys the signature of every delivery; shown this once; null for Slack, which checks none"),
  })
  .meta({ id: "CreatedAlertChannel" });

const url = z
  .url({ protocol: /^https?$/, error: "must be a URL that starts with https://" })
  .max(2_048)
  .describe("https; http and private addresses only where the server's settings name the host");

export const createAlertChannelBody = z.strictObject({
  name: keyName,
  kind: z.enum(ALERT_CHANNEL_KINDS),
  url,
  events: events.optional(),
  min_severity: minSeverity.optional(),
});

export const updateAlertChannelBody = z.strictObject({
  name: keyName.optional(),
  url: url.optional(),
  events: events.optional(),
  min_severity: minSeverity.optional(),
  enabled: z.boolean().optional().describe("false = it gets no alert until it is enabled again"),
});

/** What became of a test alert, which is sent once and at once. */
export const alertTestSchema = z
  .object({
    alert_id: uuid,
    delivered: z.boolean(),
    status: z.int().nullable().describe("the HTTP status; null when none came"),
    error: z.string().nullable(),
    took_ms: z.int().min(0),
  })
  .meta({ id: "AlertTest" });

export type Alert = z.infer<typeof alertSchema>;
export type AlertKind = (typeof ALERT_KINDS)[number];
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];
export type AlertDelivery = z.infer<typeof alertDeliverySchema>;
export type ListAlerts = z.input<typeof listAlertsQuery>;
export type AlertChannel = z.infer<typeof alertChannelSchema>;
export type CreatedAlertChannel = z.infer<typeof createdAlertChannelSchema>;
export type CreateAlertChannel = z.input<typeof createAlertChannelBody>;
export type UpdateAlertChannel = z.input<typeof updateAlertChannelBody>;
export type AlertTest = z.infer<typeof alertTestSchema>;
