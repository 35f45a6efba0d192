import { isPhoneNumber } from "./addresses.ts";
import { rfc2822 } from "./dates.ts";
import { badRequest, notFound } from "./error.ts";
import { checkPaging, pageOf2010 } from "./listing.ts";
import { created, DELETED, ok, type TwilioCall, type TwilioOperation } from "./operation.ts";
import { countryOf } from "./prices.ts";
import type { PhoneNumber } from "./records.ts";
import { newSid } from "./sids.ts";

const NUMBERS_MAX = 10_000;

/** Buys a number of the type: `local`, `mobile` or `toll free`. */
function buyNumber(type: string): TwilioOperation {
  return (call) => {
    const { account, params } = call;
    const asked = params.text("PhoneNumber");
    const area = params.text("AreaCode");
    if (asked === undefined && area === undefined) {
      throw badRequest(21402, "PhoneNumber or AreaCode is required");
    }
    if (asked === "+15005550000") throw badRequest(21422, `PhoneNumber ${asked} is not available`);
    if (asked !== undefined && !isPhoneNumber(asked))
      throw badRequest(21421, `PhoneNumber is invalid: ${asked}`);
    if (area !== undefined && !/^\d{3}$/.test(area)) throw badRequest(21451, `Invalid area code: ${area}`);
    if (asked !== undefined && account.owns(asked)) {
      throw badRequest(21422, `PhoneNumber ${asked} is not available`);
    }
    const country = countryOf(asked ?? "+1");
    const monthlyMicros = country?.numbers[type];
    if (monthlyMicros === undefined) throw badRequest(21404, `No ${type} numbers are sold there`);
    return () => {
      const phoneNumber = asked ?? freeNumber(call, area ?? "");
      const number = {
        sid: newSid("PN"),
        phoneNumber,
        friendlyName: params.text("FriendlyName") ?? phoneNumber,
        type,
        smsUrl: params.text("SmsUrl") ?? "",
        voiceUrl: params.text("VoiceUrl") ?? "",
        createdAt: account.now,
      };
      account.bill(["phonenumbers"], 1, monthlyMicros);
      return created(rendered(call, account.phoneNumbers.put(number.sid, number)));
    };
  };
}

function freeNumber({ account }: TwilioCall, area: string): string {
  for (let line = 0; line < NUMBERS_MAX; line += 1) {
    const number = `+1${area}555${String(line).padStart(4, "0")}`;
    if (!account.owns(number)) return number;
  }
  throw badRequest(21452, `No phone numbers found in area code ${area}`);
}

/** Lists the numbers, of one type or (null) of all. */
function listNumbers(type: string | null): TwilioOperation {
  return (call) => {
    const { account, params } = call;
    checkPaging(call);
    return () => {
      const all = account.phoneNumbers
        .newestFirst()
        .filter((number) => type === null || number.type === type)
        .filter((number) => number.phoneNumber.includes(params.text("PhoneNumber") ?? ""));
      return ok(pageOf2010(call, "incoming_phone_numbers", all, (number) => rendered(call, number)));
    };
  };
}

const retrieveNumber: TwilioOperation = (call) => {
  const number = find(call);
  return () => ok(rendered(call, number));
};

const deleteNumber: TwilioOperation = (call) => {
  const number = find(call);
  return () => {
    call.account.phoneNumbers.delete(number.sid);
    return DELETED;
  };
};

function find(call: TwilioCall): PhoneNumber {
  const number = call.account.phoneNumbers.get(call.ids[0] ?? "");
  if (number === undefined) throw notFound(call.path);
  return number;
}

function rendered({ account }: TwilioCall, number: PhoneNumber): object {
  const { accountSid } = account.settings;
  return {
    account_sid: accountSid,
    address_requirements: "none",
    address_sid: null,
    api_version: "2010-04-01",
    beta: false,
    bundle_sid: null,
    capabilities: { voice: true, sms: true, mms: true, fax: false },
    date_created: rfc2822(number.createdAt),
    date_updated: rfc2822(number.createdAt),
    emergency_address_sid: null,
    emergency_address_status: "unregistered",
    emergency_status: "Inactive",
    friendly_name: number.friendlyName,
    identity_sid: null,
    origin: "twilio",
    phone_number: number.phoneNumber,
    sid: number.sid,
    sms_application_sid: "",
    sms_fallback_method: "POST",
    sms_fallback_url: "",
    sms_method: "POST",
    sms_url: number.smsUrl,
    status: "in-use",
    status_callback: "",
    status_callback_method: "POST",
    trunk_sid: null,
    type: number.type,
    uri: `/2010-04-01/Accounts/${accountSid}/IncomingPhoneNumbers/${number.sid}.json`,
    voice_application_sid: "",
    voice_caller_id_lookup: false,
    voice_fallback_method: "POST",
    voice_fallback_url: "",
    voice_method: "POST",
    voice_receive_mode: "voice",
    voice_url: number.voiceUrl,
  };
}

const BASE = "/2010-04-01/Accounts/{}/IncomingPhoneNumbers";

/** What can be done with numbers. */
export const PHONE_NUMBER_ROUTES: Readonly<Record<string, TwilioOperation>> = {
  [`POST ${BASE}.json`]: buyNumber("local"),
  [`GET ${BASE}.json`]: listNumbers(null),
  [`POST ${BASE}/Local.json`]: buyNumber("local"),
  [`GET ${BASE}/Local.json`]: listNumbers("local"),
  [`POST ${BASE}/Mobile.json`]: buyNumber("mobile"),
  [`GET ${BASE}/Mobile.json`]: listNumbers("mobile"),
  [`POST ${BASE}/TollFree.json`]: buyNumber("toll free"),
  [`GET ${BASE}/TollFree.json`]: listNumbers("toll free"),
  [`GET ${BASE}/{}.json`]: retrieveNumber,
  [`DELETE ${BASE}/{}.json`]: deleteNumber,
};
