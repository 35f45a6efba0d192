import { checkRecipient, checkSender } from "./addresses.ts";
import { rfc2822 } from "./dates.ts";
import { badRequest, notFound } from "./error.ts";
import { checkPaging, dateFilter, pageOf2010 } from "./listing.ts";
import { cancelMessage, fetchMessage, refreshMessage, sendMessage } from "./message-life.ts";
import { created, DELETED, ok, type TwilioCall, type TwilioOperation } from "./operation.ts";
import { type CountryPrices, priceText } from "./prices.ts";
import type { Media, Message } from "./records.ts";
import { segmentsOf } from "./segments.ts";
import { isSid, newSid } from "./sids.ts";

const BODY_LENGTH_MAX = 1_600;
const MEDIA_MAX = 10;
const MINUTE_MS = 60_000;
const SEND_AT_MIN_MS = 5 * MINUTE_MS;
const SEND_AT_MAX_MS = 35 * 24 * 60 * MINUTE_MS;

const createMessage: TwilioOperation = (call) => {
  const { account, params } = call;
  const message = checkMessage(call, checkRecipient(params.text("To")));
  return () => {
    for (const url of message.mediaUrls) {
      const media = {
        sid: newSid("ME"),
        messageSid: message.sid,
        contentType: typeOf(url),
        createdAt: account.now,
      };
      account.media.put(media.sid, media);
    }
    return created(rendered(call, sendMessage(account, message)));
  };
};

function checkMessage(call: TwilioCall, country: CountryPrices): Message {
  const { account, params } = call;
  const from = params.text("From") ?? null;
  const service = params.text("MessagingServiceSid") ?? null;
  if (from === null && service === null) throw badRequest(21603, "A 'From' phone number is required.");
  if (from !== null) checkSender(account, from);
  if (service !== null && !isSid("MG", service)) {
    throw badRequest(21701, `The Messaging Service ${service} does not exist`);
  }
  const { body, mediaUrls } = checkContent(call);
  const sendAt = checkSendAt(call, service);
  const segments = segmentsOf(body, params.flag("SmartEncoded"));
  const isMms = mediaUrls.length > 0 || params.flag("SendAsMms");
  return {
    sid: newSid(isMms ? "MM" : "SM"),
    to: params.text("To") ?? "",
    from,
    body,
    mediaUrls,
    messagingServiceSid: service,
    status: sendAt !== null ? "scheduled" : service !== null ? "accepted" : "queued",
    segments: isMms ? 1 : segments,
    costMicros: isMms ? country.mmsMicros : segments * country.smsMicros,
    isPriced: false,
    errorCode: null,
    statusCallback: params.text("StatusCallback") ?? null,
    fetches: 0,
    createdAt: account.now,
    updatedAt: account.now,
    sentAt: null,
    sendAt,
  };
}

function checkContent({ params }: TwilioCall): { body: string; mediaUrls: readonly string[] } {
  const body = params.text("Body") ?? "";
  const mediaUrls = params.all("MediaUrl").filter((url) => url !== "");
  if (body === "" && mediaUrls.length === 0 && params.text("ContentSid") === undefined) {
    throw badRequest(21602, "Message body is required.");
  }
  if (body.length > BODY_LENGTH_MAX) {
    throw badRequest(21617, "The concatenated message body exceeds the 1600 character limit");
  }
  if (mediaUrls.length > MEDIA_MAX) throw badRequest(21623, "Number of media files exceeds allowed limit");
  const wrong = mediaUrls.find((url) => !URL.canParse(url));
  if (wrong !== undefined) throw badRequest(21620, `Invalid media URL(s): ${wrong}`);
  return { body, mediaUrls };
}

function checkSendAt({ account, params }: TwilioCall, service: string | null): number | null {
  const sendAt = params.text("SendAt");
  if (params.text("ScheduleType") === undefined && sendAt === undefined) return null;
  if (service === null) throw badRequest(35118, "MessagingServiceSid is required to schedule a message");
  const ms = Date.parse(sendAt ?? "");
  if (Number.isNaN(ms)) throw badRequest(35111, "SendAt parameter is required to schedule a message");
  const ahead = ms - account.now;
  if (ahead >= SEND_AT_MIN_MS && ahead <= SEND_AT_MAX_MS) return ms;
  throw badRequest(35114, "SendTime is out of range, use a time from 300 seconds to 35 days ahead");
}

const retrieveMessage: TwilioOperation = (call) => {
  find(call);
  return () => ok(rendered(call, fetchMessage(call.account, find(call))));
};

const listMessages: TwilioOperation = (call) => {
  const { account, params } = call;
  checkPaging(call);
  const isWanted = dateFilter(call, "DateSent");
  return () => {
    const all = account.messages
      .newestFirst()
      .map((message) => refreshMessage(account, message))
      .filter((message) => (params.text("To") ?? message.to) === message.to)
      .filter((message) => (params.text("From") ?? message.from) === message.from)
      .filter((message) => isWanted(message.sentAt));
    return ok(pageOf2010(call, "messages", all, (message) => rendered(call, message)));
  };
};

const updateMessage: TwilioOperation = (call) => {
  const { account, params } = call;
  find(call);
  const status = params.text("Status");
  if (status !== undefined && status !== "canceled") {
    throw badRequest(20001, "Status is not valid, use `canceled`");
  }
  if (status === undefined && params.text("Body") !== undefined) {
    throw badRequest(20001, "Body may only be set to an empty string");
  }
  return () => {
    const message = find(call);
    if (status === undefined) {
      if (!params.has("Body")) return ok(rendered(call, message));
      if (!isOver(message)) throw badRequest(20009, "Cannot redact a message that is not in a final state");
      const redacted = { ...message, body: "", updatedAt: account.now };
      return ok(rendered(call, account.messages.put(message.sid, redacted)));
    }
    const canceled = cancelMessage(account, message);
    if (canceled === null) throw badRequest(30409, `Message ${message.sid} cannot be canceled`);
    return ok(rendered(call, canceled));
  };
};

const deleteMessage: TwilioOperation = (call) => {
  find(call);
  return () => {
    const message = find(call);
    if (!isOver(message))
      throw badRequest(20009, "Cannot delete message because delivery has not been completed.");
    call.account.messages.delete(message.sid);
    return DELETED;
  };
};

const listMedia: TwilioOperation = (call) => {
  const message = find(call);
  checkPaging(call);
  return () => {
    const all = call.account.media.list().filter(({ messageSid }) => messageSid === message.sid);
    return ok(pageOf2010(call, "media_list", all, (media) => renderedMedia(call, media)));
  };
};

function find(call: TwilioCall): Message {
  const message = call.account.messages.get(call.ids[0] ?? "");
  if (message === undefined) throw notFound(call.path);
  return message;
}

function isOver({ status }: Message): boolean {
  return status === "delivered" || status === "undelivered" || status === "failed" || status === "canceled";
}

function typeOf(url: string): string {
  return /\.png$/i.test(new URL(url).pathname) ? "image/png" : "image/jpeg";
}

function rendered({ account }: TwilioCall, message: Message): object {
  const { accountSid } = account.settings;
  const path = `/2010-04-01/Accounts/${accountSid}/Messages/${message.sid}`;
  // A messaging service picks its sender later, and until then Twilio counts no segments.
  const isUndecided = message.messagingServiceSid !== null && message.sentAt === null;
  return {
    account_sid: accountSid,
    api_version: "2010-04-01",
    body: message.body,
    date_created: rfc2822(message.createdAt),
    date_sent: rfc2822(message.sentAt),
    date_updated: rfc2822(message.updatedAt),
    direction: "outbound-api",
    error_code: message.errorCode,
    error_message: null,
    from: message.from,
    messaging_service_sid: message.messagingServiceSid,
    num_media: String(message.mediaUrls.length),
    num_segments: isUndecided ? "0" : String(message.segments),
    price: message.isPriced ? priceText(message.costMicros) : null,
    price_unit: "USD",
    sid: message.sid,
    status: message.status,
    subresource_uris: { media: `${path}/Media.json` },
    to: message.to,
    uri: `${path}.json`,
  };
}

function renderedMedia({ account }: TwilioCall, media: Media): object {
  const { accountSid } = account.settings;
  return {
    account_sid: accountSid,
    content_type: media.contentType,
    date_created: rfc2822(media.createdAt),
    date_updated: rfc2822(media.createdAt),
    parent_sid: media.messageSid,
    sid: media.sid,
    uri: `/2010-04-01/Accounts/${accountSid}/Messages/${media.messageSid}/Media/${media.sid}.json`,
  };
}

/** What can be done with messages. */
export const MESSAGE_ROUTES: Readonly<Record<string, TwilioOperation>> = {
  "POST /2010-04-01/Accounts/{}/Messages.json": createMessage,
  "GET /2010-04-01/Accounts/{}/Messages.json": listMessages,
  "GET /2010-04-01/Accounts/{}/Messages/{}.json": retrieveMessage,
  "POST /2010-04-01/Accounts/{}/Messages/{}.json": updateMessage,
  "DELETE /2010-04-01/Accounts/{}/Messages/{}.json": deleteMessage,
  "GET /2010-04-01/Accounts/{}/Messages/{}/Media.json": listMedia,
};
