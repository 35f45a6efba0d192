import type { Endpoint } from "./endpoint.ts";

/** Subscriptions, quotes, setup intents and payment methods. */
export const SUBSCRIPTIONS_ENDPOINTS = [
  {
    operation: "subscriptions.create",
    method: "POST",
    path: "/v1/subscriptions",
    parameters:
      "add_invoice_items:list application_fee_percent:integer automatic_tax:hash " +
      "backdate_start_date:integer billing_cycle_anchor:integer " +
      "billing_cycle_anchor_config:hash billing_mode:hash billing_schedules:list " +
      "billing_thresholds:hash cancel_at:any cancel_at_period_end:boolean collection_method " +
      "currency customer customer_account days_until_due:integer default_payment_method " +
      "default_source default_tax_rates:list description discounts:list expand invoice_settings " +
      "items:list metadata off_session:boolean on_behalf_of payment_behavior " +
      "payment_settings:hash pending_invoice_item_interval:hash proration_behavior " +
      "transfer_data:hash trial_end trial_from_plan:boolean trial_period_days:integer " +
      "trial_settings:hash",
  },
  {
    operation: "subscriptions.retrieve",
    method: "GET",
    path: "/v1/subscriptions/{id}",
    parameters: "expand",
  },
  {
    operation: "subscriptions.update",
    method: "POST",
    path: "/v1/subscriptions/{id}",
    parameters:
      "add_invoice_items:list application_fee_percent:integer automatic_tax:hash " +
      "billing_cycle_anchor:hash billing_schedules:list billing_thresholds:hash cancel_at:any " +
      "cancel_at_period_end:boolean cancellation_details:hash collection_method " +
      "days_until_due:integer default_payment_method default_source default_tax_rates:list " +
      "description discounts:list expand invoice_settings items:list metadata " +
      "off_session:boolean on_behalf_of pause_collection:hash payment_behavior " +
      "payment_settings:hash pending_invoice_item_interval:hash proration_behavior " +
      "proration_date:integer transfer_data:hash trial_end trial_from_plan:boolean " +
      "trial_settings:hash",
  },
  {
    operation: "subscriptions.list",
    method: "GET",
    path: "/v1/subscriptions",
    parameters:
      "automatic_tax:hash collection_method created current_period_end:range " +
      "current_period_start:range customer customer_account expand plan price status test_clock " +
      "ending_before limit starting_after",
  },
  {
    operation: "subscriptions.cancel",
    method: "DELETE",
    path: "/v1/subscriptions/{id}",
    parameters: "cancellation_details:hash expand invoice_now:boolean prorate:boolean",
  },
  {
    operation: "subscription_items.create",
    method: "POST",
    path: "/v1/subscription_items",
    parameters:
      "subscription* billing_thresholds:hash current_trial:hash discounts:list expand metadata " +
      "payment_behavior plan price price_data:hash proration_behavior proration_date:integer " +
      "quantity:integer tax_rates:list",
  },
  {
    operation: "subscription_items.retrieve",
    method: "GET",
    path: "/v1/subscription_items/{id}",
    parameters: "expand",
  },
  {
    operation: "subscription_items.update",
    method: "POST",
    path: "/v1/subscription_items/{id}",
    parameters:
      "billing_thresholds:hash current_trial:hash discounts:list expand metadata " +
      "off_session:boolean payment_behavior plan price price_data:hash proration_behavior " +
      "proration_date:integer quantity:integer tax_rates:list",
  },
  {
    operation: "subscription_items.delete",
    method: "DELETE",
    path: "/v1/subscription_items/{id}",
    parameters: "clear_usage:boolean payment_behavior proration_behavior proration_date:integer",
  },
  {
    operation: "subscription_items.list",
    method: "GET",
    path: "/v1/subscription_items",
    parameters: "subscription* expand ending_before limit starting_after",
  },
  {
    operation: "quotes.create",
    method: "POST",
    path: "/v1/quotes",
    parameters:
      "application_fee_amount application_fee_percent:integer automatic_tax:hash " +
      "collection_method customer customer_account default_tax_rates:list description " +
      "discounts:list expand expires_at:integer footer from_quote:hash header invoice_settings " +
      "line_items:list metadata on_behalf_of subscription_data:hash test_clock " +
      "transfer_data:hash",
  },
  {
    operation: "quotes.retrieve",
    method: "GET",
    path: "/v1/quotes/{id}",
    parameters: "expand",
  },
  {
    operation: "quotes.update",
    method: "POST",
    path: "/v1/quotes/{id}",
    parameters:
      "application_fee_amount application_fee_percent:integer automatic_tax:hash " +
      "collection_method customer customer_account default_tax_rates:list description " +
      "discounts:list expand expires_at:integer footer header invoice_settings line_items:list " +
      "metadata on_behalf_of subscription_data:hash transfer_data:hash",
  },
  {
    operation: "quotes.list",
    method: "GET",
    path: "/v1/quotes",
    parameters: "customer customer_account expand status test_clock ending_before limit starting_after",
  },
  {
    operation: "quotes.finalize",
    method: "POST",
    path: "/v1/quotes/{id}/finalize",
    parameters: "expand expires_at:integer",
  },
  {
    operation: "quotes.accept",
    method: "POST",
    path: "/v1/quotes/{id}/accept",
    parameters: "expand",
  },
  {
    operation: "quotes.cancel",
    method: "POST",
    path: "/v1/quotes/{id}/cancel",
    parameters: "expand",
  },
  {
    operation: "quotes.list_lines",
    method: "GET",
    path: "/v1/quotes/{id}/line_items",
    parameters: "expand ending_before limit starting_after",
  },
  {
    operation: "setup_intents.create",
    method: "POST",
    path: "/v1/setup_intents",
    parameters:
      "allowed_payment_method_types attach_to_self:boolean automatic_payment_methods:hash " +
      "confirm confirmation_token customer customer_account description " +
      "excluded_payment_method_types expand flow_directions:list mandate_data metadata " +
      "on_behalf_of payment_method payment_method_configuration payment_method_data " +
      "payment_method_options return_url single_use:hash usage use_stripe_sdk",
  },
  {
    operation: "setup_intents.retrieve",
    method: "GET",
    path: "/v1/setup_intents/{id}",
    parameters: "client_secret expand",
  },
  {
    operation: "setup_intents.update",
    method: "POST",
    path: "/v1/setup_intents/{id}",
    parameters:
      "allowed_payment_method_types attach_to_self:boolean customer customer_account " +
      "description excluded_payment_method_types expand flow_directions:list metadata " +
      "payment_method payment_method_configuration payment_method_data payment_method_options",
  },
  {
    operation: "setup_intents.list",
    method: "GET",
    path: "/v1/setup_intents",
    parameters:
      "attach_to_self:boolean created customer customer_account expand payment_method " +
      "ending_before limit starting_after",
  },
  {
    operation: "setup_intents.confirm",
    method: "POST",
    path: "/v1/setup_intents/{id}/confirm",
    parameters:
      "allowed_payment_method_types confirmation_token expand mandate_data payment_method " +
      "payment_method_data payment_method_options return_url use_stripe_sdk",
  },
  {
    operation: "setup_intents.cancel",
    method: "POST",
    path: "/v1/setup_intents/{id}/cancel",
    parameters: "cancellation_reason:text expand",
  },
  {
    operation: "payment_methods.create",
    method: "POST",
    path: "/v1/payment_methods",
    parameters:
      "acss_debit:hash affirm:hash afterpay_clearpay:hash alipay:hash allow_redisplay alma:hash " +
      "amazon_pay:hash au_becs_debit:hash bacs_debit:hash bancontact:hash billie:hash " +
      "billing_details:hash bizum:hash blik:hash boleto:hash card:hash cashapp:hash crypto:hash " +
      "custom:hash customer customer_balance:hash eps:hash expand fpx:hash giropay:hash " +
      "grabpay:hash ideal:hash interac_present:hash kakao_pay:hash klarna:hash konbini:hash " +
      "kr_card:hash link:hash mb_way:hash metadata mobilepay:hash multibanco:hash " +
      "naver_pay:hash nz_bank_account:hash oxxo:hash p24:hash pay_by_bank:hash payco:hash " +
      "payment_method paynow:hash paypal:hash paypay:hash payto:hash pix:hash promptpay:hash " +
      "radar_options revolut_pay:hash samsung_pay:hash satispay:hash scalapay:hash " +
      "sepa_debit:hash sequra:hash sofort:hash sunbit:hash swish:hash twint:hash type upi:hash " +
      "us_bank_account:hash wechat_pay:hash zip:hash",
  },
  {
    operation: "payment_methods.retrieve",
    method: "GET",
    path: "/v1/payment_methods/{id}",
    parameters: "expand",
  },
  {
    operation: "payment_methods.update",
    method: "POST",
    path: "/v1/payment_methods/{id}",
    parameters: "allow_redisplay billing_details:hash card:hash expand metadata us_bank_account:hash",
  },
  {
    operation: "payment_methods.list",
    method: "GET",
    path: "/v1/payment_methods",
    parameters: "allow_redisplay customer customer_account expand type ending_before limit starting_after",
  },
  {
    operation: "payment_methods.attach",
    method: "POST",
    path: "/v1/payment_methods/{id}/attach",
    parameters: "customer customer_account expand",
  },
  {
    operation: "payment_methods.detach",
    method: "POST",
    path: "/v1/payment_methods/{id}/detach",
    parameters: "expand",
  },
] as const satisfies readonly Endpoint[];
