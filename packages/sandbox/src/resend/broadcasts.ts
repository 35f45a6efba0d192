import { randomUUID } from "node:crypto";
import type { ResendAccount } from "./account.ts";
import { checkSendingDomain } from "./email-input.ts";
import { invalid, missing, noSuch } from "./error.ts";
import { fieldsOf, flag, futureTime, requiredText, text, texts } from "./fields.ts";
import { checkPaging, pageOf } from "./listing.ts";
import { created, ok, type ResendCall, type ResendOperation, timeText } from "./operation.ts";
import type { Broadcast } from "./records.ts";
import { findSegment } from "./segments.ts";

const createBroadcast: ResendOperation = (call) => {
  const { account, body } = call;
  const fields = fieldsOf(body);
  const segmentId = text(fields, "segment_id") ?? text(fields, "audience_id");
  if (segmentId === null) throw missing("segment_id");
  findSegment(call, segmentId);
  const from = requiredText(fields, "from");
  checkSendingDomain(account, from);
  const isSent = flag(fields, "send", false);
  const scheduledAt = futureTime(fields, "scheduled_at", account.now);
  if (scheduledAt !== null && !isSent) throw invalid("`scheduled_at` can only be used with `send`.");
  const draft: Broadcast = {
    id: randomUUID(),
    name: text(fields, "name"),
    segmentId,
    from,
    subject: requiredText(fields, "subject"),
    replyTo: texts(fields, "reply_to"),
    previewText: text(fields, "preview_text"),
    html: text(fields, "html"),
    text: text(fields, "text"),
    status: "draft",
    scheduledAt: null,
    sentAt: null,
    createdAt: account.now,
  };
  return () => {
    account.broadcasts.put(draft.id, draft);
    if (isSent) send(account, draft, scheduledAt);
    return created({ object: "broadcast", id: draft.id });
  };
};

const sendBroadcast: ResendOperation = (call) => {
  const { account, body } = call;
  const broadcast = find(call);
  if (broadcast.status !== "draft") throw invalid("This broadcast has been sent or scheduled already.");
  const scheduledAt = futureTime(fieldsOf(body), "scheduled_at", account.now);
  return () => {
    send(account, broadcast, scheduledAt);
    return ok({ id: broadcast.id });
  };
};

/** A scheduled broadcast counts at once: nothing of the proxy's will see it leave. */
function send(account: ResendAccount, broadcast: Broadcast, scheduledAt: number | null): void {
  const reached = account.contacts
    .list()
    .filter(({ segmentIds, isUnsubscribed }) => !isUnsubscribed && segmentIds.includes(broadcast.segmentId));
  account.totals.broadcastRecipients += reached.length;
  account.broadcasts.put(broadcast.id, {
    ...broadcast,
    status: scheduledAt === null ? "sent" : "scheduled",
    scheduledAt,
    sentAt: scheduledAt === null ? account.now : null,
  });
}

const retrieveBroadcast: ResendOperation = (call) => {
  const broadcast = find(call);
  return () => ok({ object: "broadcast", ...rendered(broadcast) });
};

const listBroadcasts: ResendOperation = (call) => {
  checkPaging(call);
  return () => pageOf(call, call.account.broadcasts.newestFirst(), rendered);
};

const deleteBroadcast: ResendOperation = (call) => {
  const { id, status } = find(call);
  if (status === "sent") throw invalid("You can't delete a broadcast that was sent.");
  return () => {
    call.account.broadcasts.delete(id);
    return ok({ object: "broadcast", id, deleted: true });
  };
};

function find({ account, ids }: ResendCall): Broadcast {
  const broadcast = account.broadcasts.get(ids[0] ?? "");
  if (broadcast === undefined) throw noSuch("Broadcast");
  return broadcast;
}

function rendered(broadcast: Broadcast): object {
  const { scheduledAt, sentAt } = broadcast;
  return {
    id: broadcast.id,
    name: broadcast.name,
    audience_id: broadcast.segmentId,
    segment_id: broadcast.segmentId,
    from: broadcast.from,
    subject: broadcast.subject,
    reply_to: broadcast.replyTo,
    preview_text: broadcast.previewText,
    status: broadcast.status,
    created_at: timeText(broadcast.createdAt),
    scheduled_at: scheduledAt === null ? null : timeText(scheduledAt),
    sent_at: sentAt === null ? null : timeText(sentAt),
    html: broadcast.html,
    text: broadcast.text,
    topic_id: null,
  };
}

/** What can be done with broadcasts. */
export const BROADCAST_ROUTES: Readonly<Record<string, ResendOperation>> = {
  "POST /broadcasts": createBroadcast,
  "GET /broadcasts": listBroadcasts,
  "GET /broadcasts/{}": retrieveBroadcast,
  "POST /broadcasts/{}/send": sendBroadcast,
  "DELETE /broadcasts/{}": deleteBroadcast,
};
