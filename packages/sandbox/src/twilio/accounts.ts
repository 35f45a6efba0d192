import { rfc2822 } from "./dates.ts";
import { pageOf2010 } from "./listing.ts";
import { ok, type TwilioCall, type TwilioOperation } from "./operation.ts";

/** The account itself. As at Twilio the answer holds the auth token: a proxy has to keep it from its callers. */
function rendered({ account }: TwilioCall): object {
  const { accountSid, authToken } = account.settings;
  const path = `/2010-04-01/Accounts/${accountSid}`;
  return {
    auth_token: authToken,
    date_created: rfc2822(account.openedAt),
    date_updated: rfc2822(account.openedAt),
    friendly_name: "Sandbox",
    owner_account_sid: accountSid,
    sid: accountSid,
    status: "active",
    subresource_uris: {
      calls: `${path}/Calls.json`,
      incoming_phone_numbers: `${path}/IncomingPhoneNumbers.json`,
      messages: `${path}/Messages.json`,
      usage: `${path}/Usage.json`,
    },
    type: "Full",
    uri: `${path}.json`,
  };
}

/** What can be done with accounts. */
export const ACCOUNT_ROUTES: Readonly<Record<string, TwilioOperation>> = {
  "GET /2010-04-01/Accounts.json": (call) => () =>
    ok(pageOf2010(call, "accounts", [call], (only) => rendered(only))),
  "GET /2010-04-01/Accounts/{}.json": (call) => () => ok(rendered(call)),
};
