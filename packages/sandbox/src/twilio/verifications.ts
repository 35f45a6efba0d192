import { isPhoneNumber } from "./addresses.ts";
import { iso8601 } from "./dates.ts";
import { badRequest, notFound, TwilioError } from "./error.ts";
import { created, ok, type TwilioCall, type TwilioOperation } from "./operation.ts";
import { VERIFICATION_MICROS } from "./prices.ts";
import type { Verification } from "./records.ts";
import { findVerifyService } from "./services.ts";
import { newSid } from "./sids.ts";

const CHANNELS = new Set(["sms", "call", "email", "whatsapp"]);
const CHECKS_MAX = 5;

const createVerification: TwilioOperation = (call) => {
  const { account, params } = call;
  const service = findVerifyService(call);
  const to = params.text("To");
  const channel = params.text("Channel");
  if (channel === undefined || !CHANNELS.has(channel)) throw badRequest(60200, "Invalid parameter `Channel`");
  const isValid = to !== undefined && (channel === "email" ? to.includes("@") : isPhoneNumber(to));
  if (to === undefined || !isValid) throw badRequest(60200, `Invalid parameter \`To\`: ${to ?? ""}`);
  return () => {
    account.bill(["verify-verifications"], 1, VERIFICATION_MICROS);
    const verification: Verification = {
      sid: newSid("VE"),
      serviceSid: service.sid,
      to,
      channel,
      status: "pending",
      code: account.settings.verificationCode,
      checks: 0,
      tags: params.text("Tags") ?? null,
      createdAt: account.now,
      updatedAt: account.now,
    };
    return created(rendered(call, account.verifications.put(verification.sid, verification)));
  };
};

const retrieveVerification: TwilioOperation = (call) => {
  const verification = find(call, call.ids[1] ?? "");
  return () => ok(rendered(call, verification));
};

const updateVerification: TwilioOperation = (call) => {
  const { account, params } = call;
  const verification = find(call, call.ids[1] ?? "");
  const status = params.text("Status");
  if (status !== "canceled" && status !== "approved") throw badRequest(60200, "Invalid parameter `Status`");
  return () => {
    const updated: Verification = { ...verification, status, updatedAt: account.now };
    return ok(rendered(call, account.verifications.put(verification.sid, updated)));
  };
};

const checkVerification: TwilioOperation = (call) => {
  const { account, params } = call;
  const code = params.text("Code");
  if (code === undefined) throw badRequest(60200, "Invalid parameter `Code`: required");
  const verification = find(call, params.text("VerificationSid") ?? params.text("To") ?? "");
  // What is over cannot be checked any more: Twilio has forgotten it.
  if (verification.status !== "pending") throw notFound(call.path);
  if (verification.checks >= CHECKS_MAX) throw new TwilioError(429, 60202, "Max check attempts reached");
  return () => {
    const checks = verification.checks + 1;
    const status = code === verification.code ? "approved" : "pending";
    const updated: Verification = { ...verification, checks, status, updatedAt: account.now };
    return ok(rendered(call, account.verifications.put(verification.sid, updated)));
  };
};

/** By SID, or the newest pending one to a recipient. */
function find(call: TwilioCall, sidOrTo: string): Verification {
  const service = findVerifyService(call);
  const found = call.account.verifications
    .newestFirst()
    .filter(({ serviceSid }) => serviceSid === service.sid)
    .find(({ sid, to, status }) => sid === sidOrTo || (to === sidOrTo && status === "pending"));
  if (found === undefined) throw notFound(call.path);
  return found;
}

function rendered({ account, origin }: TwilioCall, verification: Verification): object {
  const { sid, serviceSid, to, channel, status, createdAt, updatedAt } = verification;
  return {
    account_sid: account.settings.accountSid,
    amount: null,
    channel,
    date_created: iso8601(createdAt),
    date_updated: iso8601(updatedAt),
    lookup: {},
    payee: null,
    send_code_attempts: [],
    service_sid: serviceSid,
    sid,
    sna: null,
    status,
    to,
    url: `${origin}/verify/v2/Services/${serviceSid}/Verifications/${sid}`,
    valid: status === "approved",
  };
}

/** What can be done with verifications. */
export const VERIFICATION_ROUTES: Readonly<Record<string, TwilioOperation>> = {
  "POST /verify/v2/Services/{}/Verifications": createVerification,
  "GET /verify/v2/Services/{}/Verifications/{}": retrieveVerification,
  "POST /verify/v2/Services/{}/Verifications/{}": updateVerification,
  "POST /verify/v2/Services/{}/VerificationCheck": checkVerification,
};
