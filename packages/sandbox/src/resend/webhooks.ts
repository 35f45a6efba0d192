import { randomBytes, randomUUID } from "node:crypto";
import { missing, noSuch } from "./error.ts";
import { fieldsOf, requiredText, text, texts } from "./fields.ts";
import { checkPaging, pageOf } from "./listing.ts";
import { created, ok, type ResendCall, type ResendOperation, timeText } from "./operation.ts";
import type { Webhook } from "./records.ts";

const createWebhook: ResendOperation = ({ account, body }) => {
  const fields = fieldsOf(body);
  const endpoint = requiredText(fields, "endpoint");
  const events = texts(fields, "events");
  if (events.length === 0) throw missing("events");
  return () => {
    const webhook: Webhook = {
      id: randomUUID(),
      endpoint,
      events,
      status: "enabled",
      signingSecret: `whsec_${randomBytes(24).toString("base64")}`,
      createdAt: account.now,
    };
    account.webhooks.put(webhook.id, webhook);
    return created({ object: "webhook", id: webhook.id, signing_secret: webhook.signingSecret });
  };
};

const listWebhooks: ResendOperation = (call) => {
  checkPaging(call);
  return () => pageOf(call, call.account.webhooks.newestFirst(), summary);
};

const retrieveWebhook: ResendOperation = (call) => {
  const webhook = find(call);
  return () => ok({ object: "webhook", ...summary(webhook), signing_secret: webhook.signingSecret });
};

const updateWebhook: ResendOperation = (call) => {
  const webhook = find(call);
  const fields = fieldsOf(call.body);
  const events = texts(fields, "events");
  const endpoint = text(fields, "endpoint") ?? webhook.endpoint;
  const status = text(fields, "status") ?? webhook.status;
  return () => {
    const updated = { ...webhook, endpoint, status, events: events.length === 0 ? webhook.events : events };
    call.account.webhooks.put(webhook.id, updated);
    return ok({ object: "webhook", id: webhook.id });
  };
};

const deleteWebhook: ResendOperation = (call) => {
  const { id } = find(call);
  return () => {
    call.account.webhooks.delete(id);
    return ok({ object: "webhook", id, deleted: true });
  };
};

function find({ account, ids }: ResendCall): Webhook {
  const webhook = account.webhooks.get(ids[0] ?? "");
  if (webhook === undefined) throw noSuch("Webhook");
  return webhook;
}

function summary({ id, endpoint, events, status, createdAt }: Webhook): object {
  return { id, endpoint, events, status, created_at: timeText(createdAt) };
}

/** What can be done with webhooks. */
export const WEBHOOK_ROUTES: Readonly<Record<string, ResendOperation>> = {
  "POST /webhooks": createWebhook,
  "GET /webhooks": listWebhooks,
  "GET /webhooks/{}": retrieveWebhook,
  "PATCH /webhooks/{}": updateWebhook,
  "DELETE /webhooks/{}": deleteWebhook,
};
