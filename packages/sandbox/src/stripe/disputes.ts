import type { StripeCall } from "./account.ts";
import { invalidRequest } from "./error.ts";
import type { StripeObject } from "./objects.ts";
import { hash } from "./parameters.ts";
import { nulls, Resource } from "./resource.ts";

/** Stripe's Dispute. No card holder complains here by himself, so disputes are seeded. */
export const DISPUTES = new Resource({
  kind: "dispute",
  prefix: "du",
  url: "/v1/disputes",
  equal: ["charge", "payment_intent"],
  blank: {
    ...{
      ...nulls("intended_submission_method payment_intent"),
      amount: 0,
      balance_transactions: [],
      charge: "",
      currency: "",
      enhanced_eligibility_types: [],
      evidence: {
        ...nulls(
          "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure " +
            "cancellation_rebuttal customer_communication customer_email_address customer_name " +
            "customer_purchase_ip customer_signature duplicate_charge_documentation " +
            "duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy " +
            "refund_policy_disclosure refund_refusal_explanation service_date service_documentation " +
            "shipping_address shipping_carrier shipping_date shipping_documentation " +
            "shipping_tracking_number uncategorized_file uncategorized_text",
        ),
        enhanced_evidence: {},
      },
      evidence_details: {
        ...nulls("due_by"),
        enhanced_eligibility: {},
        has_evidence: false,
        past_due: false,
        submission_count: 0,
        submission_method: "manual",
      },
      is_charge_refundable: false,
      reason: "",
      status: "appeal_needs_response",
    },
    reason: "general",
    status: "needs_response",
  },
});

/** The endpoints below `/v1/disputes`. */
export const DISPUTE_OPERATIONS = {
  "disputes.retrieve": (call: StripeCall) => DISPUTES.require(call),
  "disputes.update": updateDispute,
  "disputes.close": closeDispute,
  "disputes.list": (call: StripeCall) => DISPUTES.list(call),
} as const;

function updateDispute(call: StripeCall): StripeObject {
  const dispute = DISPUTES.require(call);
  const evidence = { ...hash(dispute, "evidence"), ...hash(call.params, "evidence") };
  return DISPUTES.update(call, { evidence });
}

/** Gives a dispute up, for good. */
function closeDispute(call: StripeCall): StripeObject {
  const dispute = DISPUTES.require(call);
  if (dispute["status"] === "lost" || dispute["status"] === "won") {
    throw invalidRequest("This dispute is already closed");
  }
  return DISPUTES.change(call, dispute, { is_charge_refundable: false, status: "lost" }, "closed");
}
