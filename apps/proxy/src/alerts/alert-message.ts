import { createHmac } from "node:crypto";
import type { Alert } from "@keybrake/client/contract";

/** The header that names an alert: the same at every attempt, so that a receiver can tell a repetition. */
const ALERT_ID_HEADER = "keybrake-alert-id";
const SIGNATURE_HEADER = "keybrake-signature";

const SLACK_HEADER_MAX = 150;
const SLACK_TEXT_MAX = 3_000;

/** What is sent: its headers, and the body byte for byte. */
export interface AlertMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An alert as it is sent: nothing of where else it goes. */
export type AlertFacts = Omit<Alert, "deliveries">;

/** A webhook's message: the alert as JSON, signed over the time of the attempt and the body. */
export function writeWebhookMessage(
  alert: AlertFacts,
  signingSecret: string,
  unixSeconds: number,
  version: string,
): AlertMessage {
  const body = JSON.stringify(alert);
  const signature = createHmac("sha256", signingSecret).update(`${unixSeconds}.${body}`).digest("hex");
  return {
    headers: {
      ...headersOf(alert, version),
      [SIGNATURE_HEADER]: `t=${unixSeconds},v1=${signature}`,
    },
    body,
  };
}

/** Slack's message, which services with Slack-compatible webhooks take as well. */
export function writeSlackMessage(alert: AlertFacts, version: string): AlertMessage {
  const title = `[${alert.severity}] ${alert.title}`;
  const context = `${alert.kind} · ${alert.raised_at} · ${alert.id}`;
  const message = {
    text: escapeSlack(title),
    blocks: [
      { type: "header", text: { type: "plain_text", text: cut(title, SLACK_HEADER_MAX), emoji: false } },
      { type: "section", text: { type: "mrkdwn", text: cut(escapeSlack(alert.detail), SLACK_TEXT_MAX) } },
      { type: "context", elements: [{ type: "mrkdwn", text: escapeSlack(context) }] },
    ],
  };
  return { headers: headersOf(alert, version), body: JSON.stringify(message) };
}

function headersOf(alert: AlertFacts, version: string): Record<string, string> {
  return {
    "content-type": "application/json",
    "user-agent": `Keybrake/${version}`,
    [ALERT_ID_HEADER]: alert.id,
  };
}

/** A name must not become a mention of everybody in the channel, or a link. */
function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
