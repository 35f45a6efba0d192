import type { Json, JsonObject } from "../json.ts";
import type { Metadata } from "./metadata.ts";

/** An object of a kind that has no type of its own here. */
export interface StripeObject extends JsonObject {
  readonly id: string;
}

/** The states of a payment intent that the sandbox can reach. */
export type IntentStatus =
  | "requires_payment_method"
  | "requires_confirmation"
  | "requires_capture"
  | "succeeded"
  | "canceled";

/** Stripe's PaymentIntent. Amounts here and below are in minor units, times in seconds since 1970. */
export interface PaymentIntent {
  readonly id: string;
  readonly object: "payment_intent";
  readonly allowed_payment_method_types: Json;
  readonly amount: number;
  readonly amount_capturable: number;
  readonly amount_details: JsonObject;
  readonly amount_received: number;
  readonly application: null;
  readonly application_fee_amount: number | null;
  readonly automatic_payment_methods: JsonObject | null;
  readonly canceled_at: number | null;
  readonly cancellation_reason: string | null;
  readonly capture_method: string;
  readonly client_secret: string;
  readonly confirmation_method: string;
  readonly created: number;
  readonly currency: string;
  readonly customer: string | null;
  readonly customer_account: string | null;
  readonly description: string | null;
  readonly excluded_payment_method_types: Json;
  readonly last_payment_error: object | null;
  readonly latest_charge: string | null;
  readonly livemode: false;
  readonly managed_payments: null;
  readonly metadata: Metadata;
  readonly next_action: null;
  readonly on_behalf_of: string | null;
  readonly payment_method: string | null;
  readonly payment_method_configuration_details: null;
  readonly payment_method_options: JsonObject;
  readonly payment_method_types: readonly string[];
  readonly payment_record: null;
  readonly processing: null;
  readonly receipt_email: string | null;
  readonly review: null;
  readonly setup_future_usage: string | null;
  readonly shipping: JsonObject | null;
  readonly source: null;
  readonly statement_descriptor: string | null;
  readonly statement_descriptor_suffix: string | null;
  readonly status: IntentStatus;
  readonly transfer_data: JsonObject | null;
  readonly transfer_group: string | null;
}

/** Stripe's Charge. */
export interface Charge {
  readonly id: string;
  readonly object: "charge";
  readonly amount: number;
  readonly amount_captured: number;
  readonly amount_refunded: number;
  readonly application: null;
  readonly application_fee: null;
  readonly application_fee_amount: number | null;
  readonly balance_transaction: string | null;
  readonly billing_details: object;
  readonly calculated_statement_descriptor: string | null;
  readonly captured: boolean;
  readonly created: number;
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly disputed: boolean;
  readonly failure_balance_transaction: null;
  readonly failure_code: string | null;
  readonly failure_message: string | null;
  readonly fraud_details: JsonObject;
  readonly livemode: false;
  readonly metadata: Metadata;
  readonly on_behalf_of: string | null;
  readonly outcome: object;
  readonly paid: boolean;
  readonly payment_intent: string | null;
  readonly payment_method: string;
  readonly payment_method_details: object;
  readonly receipt_email: string | null;
  readonly receipt_number: null;
  readonly receipt_url: string | null;
  readonly refunded: boolean;
  readonly review: null;
  readonly shipping: JsonObject | null;
  readonly source: object | null;
  readonly source_transfer: null;
  readonly statement_descriptor: string | null;
  readonly statement_descriptor_suffix: string | null;
  readonly status: "succeeded" | "failed";
  readonly transfer_data: JsonObject | null;
  readonly transfer_group: string | null;
}

/** Stripe's Refund. */
export interface Refund {
  readonly id: string;
  readonly object: "refund";
  readonly amount: number;
  readonly balance_transaction: string | null;
  readonly charge: string | null;
  readonly created: number;
  readonly currency: string;
  readonly customer: string | null;
  readonly customer_account: null;
  readonly destination_details: object;
  readonly instructions_email?: string;
  readonly metadata: Metadata;
  readonly next_action?: object;
  readonly payment_intent: string | null;
  readonly payment_method: string | null;
  readonly reason: string | null;
  readonly receipt_number: null;
  readonly source_transfer_reversal: null;
  readonly status: "succeeded" | "pending" | "requires_action" | "canceled";
  readonly transfer_reversal: null;
}

/** Stripe's Transfer. */
export interface Transfer {
  readonly id: string;
  readonly object: "transfer";
  readonly amount: number;
  readonly amount_reversed: number;
  readonly balance_transaction: string | null;
  readonly created: number;
  readonly currency: string;
  readonly description: string | null;
  readonly destination: string;
  readonly destination_payment: string;
  readonly livemode: false;
  readonly metadata: Metadata;
  readonly reversals: object;
  readonly reversed: boolean;
  readonly source_transaction: string | null;
  readonly source_type: string;
  readonly transfer_group: string | null;
}

/** Stripe's Payout. */
export interface Payout {
  readonly id: string;
  readonly object: "payout";
  readonly amount: number;
  readonly application_fee: null;
  readonly application_fee_amount: null;
  readonly arrival_date: number;
  readonly automatic: false;
  readonly balance_transaction: string | null;
  readonly created: number;
  readonly currency: string;
  readonly description: string | null;
  readonly destination: string;
  readonly failure_balance_transaction: string | null;
  readonly failure_code: null;
  readonly failure_message: null;
  readonly livemode: false;
  readonly metadata: Metadata;
  readonly method: string;
  readonly original_payout: string | null;
  readonly payout_method: string | null;
  readonly reconciliation_status: "not_applicable";
  readonly reversed_by: string | null;
  readonly source_type: string;
  readonly statement_descriptor: string | null;
  readonly status: "pending" | "canceled" | "reversed" | "paid";
  readonly trace_id: object;
  readonly type: "bank_account";
}

/** Stripe's Customer. */
export interface Customer {
  readonly id: string;
  readonly object: "customer";
  readonly address: JsonObject | null;
  readonly balance: number;
  readonly created: number;
  readonly currency: null;
  readonly customer_account: null;
  readonly default_source: string | null;
  readonly delinquent: false;
  readonly description: string | null;
  readonly discount: null;
  readonly email: string | null;
  readonly invoice_prefix: string;
  readonly invoice_settings: JsonObject;
  readonly livemode: false;
  readonly metadata: Metadata;
  readonly name: string | null;
  readonly next_invoice_sequence: number;
  readonly phone: string | null;
  readonly preferred_locales: Json;
  readonly shipping: JsonObject | null;
  readonly tax_exempt: string;
  readonly test_clock: null;
}

/** What is left of a deleted customer. */
export interface DeletedCustomer {
  readonly id: string;
  readonly object: "customer";
  readonly deleted: true;
}

/** Stripe's PaymentMethod; the sandbox has cards only. */
export interface PaymentMethod {
  readonly id: string;
  readonly object: "payment_method";
  readonly allow_redisplay: "unspecified";
  readonly billing_details: object;
  readonly card: { readonly brand: string; readonly last4: string; readonly funding: string } & JsonObject;
  readonly created: number;
  readonly customer: string | null;
  readonly customer_account: null;
  readonly livemode: false;
  readonly metadata: Metadata;
  readonly type: "card";
}

/** Stripe's BalanceTransaction: what moved on the account's balance. */
export interface BalanceTransaction {
  readonly id: string;
  readonly object: "balance_transaction";
  readonly amount: number;
  readonly available_on: number;
  readonly balance_type: "payments";
  readonly created: number;
  readonly currency: string;
  readonly description: string | null;
  readonly exchange_rate: null;
  readonly fee: number;
  readonly fee_details: readonly object[];
  readonly net: number;
  readonly reporting_category: string;
  readonly source: string;
  readonly status: "available";
  readonly type: string;
}

/** Something that happened, in the making of Stripe's Event. Kept small: every call leaves some. */
export interface EventRecord {
  readonly id: string;
  readonly type: string;
  readonly created: number;
  /** The object as it was right after. */
  readonly object: object;
  /** The fields that an update changed, as they were before. */
  readonly previous: object | null;
  /** The call that caused it. */
  readonly requestId: string;
  readonly idempotencyKey: string | null;
}
