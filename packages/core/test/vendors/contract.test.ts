import { describeVendor } from "../../src/testing/describe-vendor.ts";
import { resend } from "../../src/vendors/resend/resend.ts";
import { stripe } from "../../src/vendors/stripe/stripe.ts";
import { twilio } from "../../src/vendors/twilio/twilio.ts";
import { example } from "./example/example.ts";

const FORM = "application/x-www-form-urlencoded";
const NOTHING_ELSE = { query: null, idempotencyKey: null, account: null } as const;
const ACCOUNT = "AC0123456789abcdef0123456789abcdef";

describeVendor(stripe, {
  credential: "sk_test_51Contract0000000000",
  accountId: null,
  paid: {
    ...NOTHING_ELSE,
    method: "POST",
    path: "/v1/payment_intents",
    contentType: FORM,
    body: Buffer.from("amount=1000&currency=usd"),
  },
  done: {
    status: 200,
    body: '{"id":"pi_1","object":"payment_intent","amount":1000,"amount_received":0,"currency":"usd","status":"requires_confirmation"}',
  },
  refused: { status: 402, body: '{"error":{"type":"card_error","code":"card_declined"}}' },
});

describeVendor(twilio, {
  credential: "0123456789abcdef0123456789abcdee",
  accountId: ACCOUNT,
  paid: {
    ...NOTHING_ELSE,
    method: "POST",
    path: `/2010-04-01/Accounts/${ACCOUNT}/Messages.json`,
    contentType: FORM,
    body: Buffer.from("To=%2B14155550100&From=%2B15005550006&Body=hello"),
  },
  done: {
    status: 201,
    body: `{"sid":"SM0123456789abcdef0123456789abcdef","price":null,"price_unit":"USD","status":"queued","num_segments":"1"}`,
  },
  refused: { status: 400, body: '{"code":21211,"message":"Invalid To","more_info":"","status":400}' },
});

describeVendor(resend, {
  credential: "re_contract0000",
  accountId: null,
  paid: {
    ...NOTHING_ELSE,
    method: "POST",
    path: "/emails",
    contentType: "application/json",
    body: Buffer.from('{"from":"a@crew.example","to":["b@example.com"],"subject":"x","text":"y"}'),
  },
  done: { status: 200, body: '{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}' },
  refused: { status: 422, body: '{"statusCode":422,"name":"missing_required_field","message":"from"}' },
});

describeVendor(example, {
  credential: "pk-contract",
  accountId: null,
  paid: {
    ...NOTHING_ELSE,
    method: "POST",
    path: "/parcels",
    contentType: FORM,
    body: Buffer.from("cents=700"),
  },
  done: { status: 201, body: '{"id":"parcel_1"}' },
  refused: { status: 422, body: '{"problem":"no_such_street"}' },
});
