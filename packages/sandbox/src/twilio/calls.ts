import type { TwilioAccount } from "./account.ts";
import { BUSY_NUMBER, checkCallee } from "./addresses.ts";
import { rfc2822, secondsBetween } from "./dates.ts";
import { badRequest, notFound } from "./error.ts";
import { checkPaging, dateFilter, pageOf2010 } from "./listing.ts";
import { created, DELETED, ok, type TwilioCall, type TwilioOperation } from "./operation.ts";
import { priceText } from "./prices.ts";
import type { PhoneCall } from "./records.ts";
import { newSid } from "./sids.ts";

const TIME_LIMIT_SECONDS_DEFAULT = 14_400;
const TIME_LIMIT_SECONDS_MAX = 86_400;

const createCall: TwilioOperation = (call) => {
  const { account, params } = call;
  const country = checkCallee(params.text("To"));
  const from = params.text("From");
  if (from === undefined) throw badRequest(21213, "'From' phone number is required");
  if (!account.owns(from)) {
    throw badRequest(
      21210,
      `The source phone number provided, ${from}, is not yet verified for your account.`,
    );
  }
  const url = params.text("Url");
  if (url === undefined && !params.has("Twiml") && !params.has("ApplicationSid")) {
    throw badRequest(21205, "Url parameter is required.");
  }
  if (url !== undefined && !URL.canParse(url)) throw badRequest(21205, `Url is not a valid URL: ${url}`);
  const timeLimitSeconds = params.integer("TimeLimit", TIME_LIMIT_SECONDS_DEFAULT, [
    1,
    TIME_LIMIT_SECONDS_MAX,
  ]);
  return () => {
    const phoneCall: PhoneCall = {
      sid: newSid("CA"),
      to: params.text("To") ?? "",
      from,
      status: "queued",
      timeLimitSeconds,
      durationSeconds: null,
      costMicros: null,
      minuteMicros: country.voiceMicros,
      statusCallback: params.text("StatusCallback") ?? null,
      fetches: 0,
      createdAt: account.now,
      updatedAt: account.now,
      startedAt: null,
      endedAt: null,
    };
    return created(rendered(call, account.calls.put(phoneCall.sid, phoneCall)));
  };
};

const retrieveCall: TwilioOperation = (call) => {
  find(call);
  return () => {
    const phoneCall = find(call);
    const { settleAfter } = call.account.settings;
    if (isOver(phoneCall)) return ok(rendered(call, phoneCall));
    if (!("fetches" in settleAfter)) return ok(rendered(call, refreshCall(call.account, phoneCall)));
    const counted = { ...phoneCall, fetches: phoneCall.fetches + 1 };
    const isEnd = counted.fetches >= settleAfter.fetches;
    return ok(rendered(call, isEnd ? settleCall(call.account, counted) : connect(call.account, counted)));
  };
};

const listCalls: TwilioOperation = (call) => {
  const { account, params } = call;
  checkPaging(call);
  const isWanted = dateFilter(call, "StartTime");
  return () => {
    const all = account.calls
      .newestFirst()
      .map((phoneCall) => refreshCall(account, phoneCall))
      .filter((phoneCall) => (params.text("To") ?? phoneCall.to) === phoneCall.to)
      .filter((phoneCall) => (params.text("From") ?? phoneCall.from) === phoneCall.from)
      .filter((phoneCall) => (params.text("Status") ?? phoneCall.status) === phoneCall.status)
      .filter((phoneCall) => isWanted(phoneCall.startedAt));
    return ok(pageOf2010(call, "calls", all, (phoneCall) => rendered(call, phoneCall)));
  };
};

const updateCall: TwilioOperation = (call) => {
  const { account, params } = call;
  find(call);
  const status = params.text("Status");
  if (status !== undefined && status !== "canceled" && status !== "completed") {
    throw badRequest(21218, `Invalid Status: ${status}`);
  }
  return () => {
    const phoneCall = find(call);
    if (isOver(phoneCall)) throw badRequest(21220, "Call is not in-progress. Cannot redirect.");
    if (status === undefined)
      return ok(rendered(call, put(account, { ...phoneCall, updatedAt: account.now })));
    if (phoneCall.status === "queued") {
      return ok(rendered(call, put(account, { ...phoneCall, status: "canceled", updatedAt: account.now })));
    }
    // Hanging up ends the call after what it has lasted, a second at least.
    const lasted = secondsBetween(phoneCall.startedAt ?? account.now, account.now);
    return ok(rendered(call, settleCall(account, phoneCall, Math.max(1, lasted))));
  };
};

const deleteCall: TwilioOperation = (call) => {
  find(call);
  return () => {
    if (!isOver(find(call))) throw badRequest(20009, "Cannot delete a call that is in progress");
    call.account.calls.delete(call.ids[0] ?? "");
    return DELETED;
  };
};

function refreshCall(account: TwilioAccount, phoneCall: PhoneCall): PhoneCall {
  const { settleAfter } = account.settings;
  if (!("ms" in settleAfter) || account.now - phoneCall.createdAt < settleAfter.ms) return phoneCall;
  return settleCall(account, phoneCall);
}

function connect(account: TwilioAccount, phoneCall: PhoneCall): PhoneCall {
  const startedAt = phoneCall.startedAt ?? account.now;
  return put(account, { ...phoneCall, status: "in-progress", startedAt, updatedAt: account.now });
}

/** Ends a call and bills its started minutes. It lasts as long as the fake's calls do, and never past TimeLimit. */
export function settleCall(
  account: TwilioAccount,
  phoneCall: PhoneCall,
  seconds: number = account.settings.callSeconds,
): PhoneCall {
  if (isOver(phoneCall)) return phoneCall;
  const startedAt = phoneCall.startedAt ?? account.now;
  const isBusy = phoneCall.to === BUSY_NUMBER;
  const durationSeconds = isBusy ? 0 : Math.min(seconds, phoneCall.timeLimitSeconds);
  const minutes = Math.ceil(durationSeconds / 60);
  const costMicros = isBusy ? null : minutes * phoneCall.minuteMicros;
  const settled = put(account, {
    ...phoneCall,
    status: isBusy ? "busy" : "completed",
    durationSeconds,
    costMicros,
    startedAt,
    endedAt: startedAt + durationSeconds * 1_000,
    updatedAt: account.now,
  });
  if (costMicros !== null) account.bill(["calls", "calls-outbound"], minutes, costMicros);
  announce(account, settled);
  return settled;
}

function announce(account: TwilioAccount, phoneCall: PhoneCall): void {
  if (phoneCall.statusCallback === null) return;
  account.callbacks.post(phoneCall.statusCallback, {
    AccountSid: account.settings.accountSid,
    ApiVersion: "2010-04-01",
    CallDuration: String(phoneCall.durationSeconds ?? 0),
    CallSid: phoneCall.sid,
    CallStatus: phoneCall.status,
    From: phoneCall.from,
    To: phoneCall.to,
  });
}

function put(account: TwilioAccount, phoneCall: PhoneCall): PhoneCall {
  return account.calls.put(phoneCall.sid, phoneCall);
}

function isOver({ status }: PhoneCall): boolean {
  return status === "completed" || status === "busy" || status === "canceled";
}

function find(call: TwilioCall): PhoneCall {
  const phoneCall = call.account.calls.get(call.ids[0] ?? "");
  if (phoneCall === undefined) throw notFound(call.path);
  return phoneCall;
}

function rendered({ account }: TwilioCall, phoneCall: PhoneCall): object {
  const { accountSid } = account.settings;
  return {
    account_sid: accountSid,
    answered_by: null,
    api_version: "2010-04-01",
    caller_name: null,
    date_created: rfc2822(phoneCall.createdAt),
    date_updated: rfc2822(phoneCall.updatedAt),
    direction: "outbound-api",
    duration: phoneCall.durationSeconds === null ? null : String(phoneCall.durationSeconds),
    end_time: rfc2822(phoneCall.endedAt),
    forwarded_from: null,
    from: phoneCall.from,
    from_formatted: phoneCall.from,
    group_sid: null,
    parent_call_sid: null,
    phone_number_sid: null,
    price: phoneCall.costMicros === null ? null : priceText(phoneCall.costMicros),
    price_unit: "USD",
    queue_time: "0",
    sid: phoneCall.sid,
    start_time: rfc2822(phoneCall.startedAt),
    status: phoneCall.status,
    subresource_uris: {},
    to: phoneCall.to,
    to_formatted: phoneCall.to,
    trunk_sid: null,
    uri: `/2010-04-01/Accounts/${accountSid}/Calls/${phoneCall.sid}.json`,
  };
}

/** What can be done with calls. */
export const CALL_ROUTES: Readonly<Record<string, TwilioOperation>> = {
  "POST /2010-04-01/Accounts/{}/Calls.json": createCall,
  "GET /2010-04-01/Accounts/{}/Calls.json": listCalls,
  "GET /2010-04-01/Accounts/{}/Calls/{}.json": retrieveCall,
  "POST /2010-04-01/Accounts/{}/Calls/{}.json": updateCall,
  "DELETE /2010-04-01/Accounts/{}/Calls/{}.json": deleteCall,
};
