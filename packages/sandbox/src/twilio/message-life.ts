import type { TwilioAccount } from "./account.ts";
import { LATE_FAILURES } from "./addresses.ts";
import type { Message, MessageStatus } from "./records.ts";

const OPEN: ReadonlySet<MessageStatus> = new Set(["accepted", "scheduled", "queued", "sent"]);

/** Keeps a new message, bills it unless it waits for its time, and says so to its StatusCallback. */
export function sendMessage(account: TwilioAccount, message: Message): Message {
  account.messages.put(message.sid, message);
  if (message.status !== "scheduled") billMessage(account, message);
  announce(account, message);
  return message;
}

/** A fetch: moves the message on when the account settles by fetches. */
export function fetchMessage(account: TwilioAccount, message: Message): Message {
  const counted = { ...message, fetches: message.fetches + 1 };
  const { settleAfter } = account.settings;
  if (!OPEN.has(message.status)) return message;
  if (!("fetches" in settleAfter)) return refreshMessage(account, message);
  if (isWaiting(account, message)) return message;
  if (counted.fetches >= settleAfter.fetches) return settleMessage(account, counted);
  return counted.status === "sent" ? put(account, counted) : leave(account, counted);
}

/** Settles a message whose time has come; by fetches it never comes by itself. */
export function refreshMessage(account: TwilioAccount, message: Message): Message {
  const { settleAfter } = account.settings;
  if (!OPEN.has(message.status) || !("ms" in settleAfter) || isWaiting(account, message)) return message;
  const start = message.sendAt ?? message.createdAt;
  return account.now - start >= settleAfter.ms ? settleMessage(account, message) : message;
}

/** Brings a message to its end: delivered with a price, or failed. A message that has ended stays as it is. */
export function settleMessage(account: TwilioAccount, message: Message): Message {
  if (!OPEN.has(message.status)) return message;
  const sent = message.status === "sent" ? message : leave(account, message);
  const [status, errorCode] = LATE_FAILURES[sent.to] ?? (["delivered", null] as const);
  const settled = put(account, {
    ...sent,
    status,
    errorCode,
    isPriced: status !== "failed",
    updatedAt: account.now,
  });
  announce(account, settled);
  return settled;
}

/** Ends a message that has not left. Null when it is too late. */
export function cancelMessage(account: TwilioAccount, message: Message): Message | null {
  if (message.status !== "scheduled" && message.status !== "accepted") return null;
  const canceled = put(account, { ...message, status: "canceled", updatedAt: account.now });
  announce(account, canceled);
  return canceled;
}

function isWaiting({ now }: TwilioAccount, { sendAt }: Message): boolean {
  return sendAt !== null && now < sendAt;
}

function leave(account: TwilioAccount, message: Message): Message {
  if (message.status === "scheduled") billMessage(account, message);
  const from = message.from ?? account.settings.phoneNumbers[0] ?? null;
  const sent = put(account, {
    ...message,
    from,
    status: "sent",
    sentAt: account.now,
    updatedAt: account.now,
  });
  announce(account, sent);
  return sent;
}

function billMessage(account: TwilioAccount, { to, mediaUrls, segments, costMicros }: Message): void {
  if (LATE_FAILURES[to]?.[0] === "failed") return;
  if (mediaUrls.length > 0) account.bill(["mms", "mms-outbound"], 1, costMicros);
  else account.bill(["sms", "sms-outbound"], segments, costMicros);
}

function put(account: TwilioAccount, message: Message): Message {
  return account.messages.put(message.sid, message);
}

function announce(account: TwilioAccount, message: Message): void {
  if (message.statusCallback === null) return;
  account.callbacks.post(message.statusCallback, {
    AccountSid: account.settings.accountSid,
    ApiVersion: "2010-04-01",
    From: message.from ?? "",
    MessageSid: message.sid,
    MessageStatus: message.status,
    SmsSid: message.sid,
    SmsStatus: message.status,
    To: message.to,
    ...(message.messagingServiceSid === null ? {} : { MessagingServiceSid: message.messagingServiceSid }),
    ...(message.errorCode === null ? {} : { ErrorCode: String(message.errorCode) }),
  });
}
