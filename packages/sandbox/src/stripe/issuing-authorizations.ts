import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { invalidRequest } from "./error.ts";
import type { StripeObject } from "./objects.ts";
import { hash, integer } from "./parameters.ts";
import { amountOf, nulls, Resource } from "./resource.ts";

/** Stripe's issuing Authorization. Nobody pays with the cards here, so authorizations are seeded. */
export const ISSUING_AUTHORIZATIONS = new Resource({
  kind: "issuing.authorization",
  prefix: "iauth",
  url: "/v1/issuing/authorizations",
  equal: ["status"],
  blank: {
    ...{
      ...nulls(
        "amount_details card_presence cardholder fleet fuel network_data pending_request " +
          "verified_by_fraud_challenge wallet",
      ),
      amount: 0,
      approved: false,
      authorization_method: "chip",
      balance_transactions: [],
      card: "",
      currency: "",
      merchant_amount: 0,
      merchant_currency: "",
      merchant_data: {
        ...nulls("city country name postal_code state tax_id terminal_id url"),
        category: "",
        category_code: "",
        network_id: "",
      },
      request_history: [],
      status: "closed",
      transactions: [],
      verification_data: {
        ...nulls("authentication_exemption postal_code three_d_secure"),
        address_line1_check: "match",
        address_postal_code_check: "match",
        cvc_check: "match",
        expiry_check: "match",
      },
    },
    status: "pending",
  },
});

/** The endpoints below `/v1/issuing/authorizations`. */
export const ISSUING_AUTHORIZATION_OPERATIONS = {
  "issuing_authorizations.retrieve": (call: StripeCall) => ISSUING_AUTHORIZATIONS.require(call),
  "issuing_authorizations.update": (call: StripeCall) => ISSUING_AUTHORIZATIONS.update(call),
  "issuing_authorizations.approve": approve,
  "issuing_authorizations.decline": decline,
  "issuing_authorizations.list": (call: StripeCall) => ISSUING_AUTHORIZATIONS.list(call),
} as const;

function pendingRequest(authorization: StripeObject): JsonObject {
  const request = hash(authorization, "pending_request");
  if (request !== undefined) return request;
  throw invalidRequest("This authorization has no pending request: it was answered already.");
}

function approve(call: StripeCall): StripeObject {
  const { account } = call;
  const authorization = ISSUING_AUTHORIZATIONS.require(call);
  const request = pendingRequest(authorization);
  const asked = amountOf(request, "amount");
  const amount = integer(call.params, "amount") ?? asked;
  if (amount !== asked && request["is_amount_controllable"] !== true) {
    throw invalidRequest("The amount of this authorization is not controllable.", { param: "amount" });
  }
  const currency = String(authorization["currency"]);
  const transaction = account.transact(call, {
    type: "issuing_authorization_hold",
    reporting_category: "issuing_authorization_hold",
    amount: -amount,
    currency,
    source: authorization.id,
  });
  account.count(currency, "paidOut", amount);
  return ISSUING_AUTHORIZATIONS.update(call, {
    amount,
    approved: true,
    balance_transactions: [{ ...transaction, fee_details: [] }],
    merchant_amount: amount,
    pending_request: null,
    request_history: [answered(call, amount, true, currency)],
  });
}

function decline(call: StripeCall): StripeObject {
  const authorization = ISSUING_AUTHORIZATIONS.require(call);
  const amount = amountOf(pendingRequest(authorization), "amount");
  return ISSUING_AUTHORIZATIONS.update(call, {
    approved: false,
    pending_request: null,
    request_history: [answered(call, amount, false, String(authorization["currency"]))],
    status: "closed",
  });
}

function answered(call: StripeCall, amount: number, isApproved: boolean, currency: string): JsonObject {
  return {
    ...nulls("amount_details authorization_code network_risk_score reason_message requested_at"),
    amount,
    approved: isApproved,
    created: call.now,
    currency,
    merchant_amount: amount,
    merchant_currency: currency,
    reason: isApproved ? "webhook_approved" : "webhook_declined",
  };
}
