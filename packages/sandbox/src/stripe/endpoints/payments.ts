import type { Endpoint } from "./endpoint.ts";

/** Payments, refunds, transfers, payouts, customers, balance and events. */
export const PAYMENT_ENDPOINTS = [
  {
    operation: "payment_intents.list",
    method: "GET",
    path: "/v1/payment_intents",
    parameters: "created customer customer_account expand ending_before limit starting_after",
  },
  {
    operation: "payment_intents.create",
    method: "POST",
    path: "/v1/payment_intents",
    parameters:
      "amount* currency* allowed_payment_method_types amount_details application_fee_amount " +
      "automatic_payment_methods capture_method confirm confirmation_method confirmation_token customer " +
      "customer_account description error_on_requires_action excluded_payment_method_types expand hooks " +
      "mandate mandate_data metadata off_session on_behalf_of payment_details payment_method " +
      "payment_method_configuration payment_method_data payment_method_options radar_options " +
      "receipt_email return_url setup_future_usage shipping statement_descriptor " +
      "statement_descriptor_suffix transfer_data transfer_group use_stripe_sdk",
    parametersBefore20260930: "payment_method_types",
  },
  {
    operation: "payment_intents.search",
    method: "GET",
    path: "/v1/payment_intents/search",
    parameters: "query* expand limit page",
  },
  {
    operation: "payment_intents.retrieve",
    method: "GET",
    path: "/v1/payment_intents/{id}",
    parameters: "client_secret expand",
  },
  {
    operation: "payment_intents.update",
    method: "POST",
    path: "/v1/payment_intents/{id}",
    parameters:
      "allowed_payment_method_types amount amount_details application_fee_amount capture_method " +
      "currency customer customer_account description excluded_payment_method_types expand hooks " +
      "metadata payment_details payment_method payment_method_configuration payment_method_data " +
      "payment_method_options receipt_email setup_future_usage shipping statement_descriptor " +
      "statement_descriptor_suffix transfer_data transfer_group",
    parametersBefore20260930: "payment_method_types",
  },
  {
    operation: "payment_intents.cancel",
    method: "POST",
    path: "/v1/payment_intents/{id}/cancel",
    parameters: "cancellation_reason expand",
  },
  {
    operation: "payment_intents.capture",
    method: "POST",
    path: "/v1/payment_intents/{id}/capture",
    parameters:
      "amount_details amount_to_capture application_fee_amount expand final_capture hooks metadata " +
      "payment_details statement_descriptor statement_descriptor_suffix transfer_data",
  },
  {
    operation: "payment_intents.confirm",
    method: "POST",
    path: "/v1/payment_intents/{id}/confirm",
    parameters:
      "allowed_payment_method_types amount_details amount_to_confirm capture_method confirmation_token " +
      "error_on_requires_action excluded_payment_method_types expand hooks mandate mandate_data " +
      "off_session payment_details payment_method payment_method_data payment_method_options " +
      "radar_options receipt_email return_url setup_future_usage shipping use_stripe_sdk",
    parametersBefore20260930: "payment_method_types",
  },
  {
    operation: "payment_intents.increment_authorization",
    method: "POST",
    path: "/v1/payment_intents/{id}/increment_authorization",
    parameters:
      "amount* amount_details application_fee_amount description expand hooks metadata payment_details " +
      "statement_descriptor transfer_data",
  },
  {
    operation: "charges.list",
    method: "GET",
    path: "/v1/charges",
    parameters: "created customer expand payment_intent transfer_group ending_before limit starting_after",
  },
  {
    operation: "charges.create",
    method: "POST",
    path: "/v1/charges",
    parameters:
      "amount application_fee application_fee_amount capture currency customer description destination " +
      "expand metadata on_behalf_of radar_options receipt_email shipping source statement_descriptor " +
      "statement_descriptor_suffix transfer_data transfer_group",
  },
  {
    operation: "charges.search",
    method: "GET",
    path: "/v1/charges/search",
    parameters: "query* expand limit page",
  },
  {
    operation: "charges.retrieve",
    method: "GET",
    path: "/v1/charges/{id}",
    parameters: "expand",
  },
  {
    operation: "charges.update",
    method: "POST",
    path: "/v1/charges/{id}",
    parameters: "customer description expand fraud_details metadata receipt_email shipping transfer_group",
  },
  {
    operation: "charges.capture",
    method: "POST",
    path: "/v1/charges/{id}/capture",
    parameters:
      "amount application_fee application_fee_amount expand receipt_email statement_descriptor " +
      "statement_descriptor_suffix transfer_data transfer_group",
  },
  {
    operation: "refunds.list",
    method: "GET",
    path: "/v1/refunds",
    parameters: "charge created expand payment_intent ending_before limit starting_after",
  },
  {
    operation: "refunds.create",
    method: "POST",
    path: "/v1/refunds",
    parameters:
      "amount charge currency customer expand instructions_email metadata origin payment_intent reason " +
      "refund_application_fee reverse_transfer",
  },
  {
    operation: "refunds.retrieve",
    method: "GET",
    path: "/v1/refunds/{id}",
    parameters: "expand",
  },
  {
    operation: "refunds.update",
    method: "POST",
    path: "/v1/refunds/{id}",
    parameters: "expand metadata",
  },
  {
    operation: "refunds.cancel",
    method: "POST",
    path: "/v1/refunds/{id}/cancel",
    parameters: "expand",
  },
  {
    operation: "transfers.list",
    method: "GET",
    path: "/v1/transfers",
    parameters: "created destination expand transfer_group ending_before limit starting_after",
  },
  {
    operation: "transfers.create",
    method: "POST",
    path: "/v1/transfers",
    parameters:
      "currency* destination* amount description expand metadata source_transaction source_type " +
      "transfer_group",
  },
  {
    operation: "transfers.retrieve",
    method: "GET",
    path: "/v1/transfers/{id}",
    parameters: "expand",
  },
  {
    operation: "transfers.update",
    method: "POST",
    path: "/v1/transfers/{id}",
    parameters: "description expand metadata",
  },
  {
    operation: "payouts.list",
    method: "GET",
    path: "/v1/payouts",
    parameters: "arrival_date created destination expand status ending_before limit starting_after",
  },
  {
    operation: "payouts.create",
    method: "POST",
    path: "/v1/payouts",
    parameters:
      "amount* currency* description destination expand metadata method payout_method source_type " +
      "statement_descriptor",
  },
  {
    operation: "payouts.retrieve",
    method: "GET",
    path: "/v1/payouts/{id}",
    parameters: "expand",
  },
  {
    operation: "payouts.update",
    method: "POST",
    path: "/v1/payouts/{id}",
    parameters: "expand metadata",
  },
  {
    operation: "payouts.cancel",
    method: "POST",
    path: "/v1/payouts/{id}/cancel",
    parameters: "expand",
  },
  {
    operation: "customers.list",
    method: "GET",
    path: "/v1/customers",
    parameters: "created email expand test_clock ending_before limit starting_after",
  },
  {
    operation: "customers.create",
    method: "POST",
    path: "/v1/customers",
    parameters:
      "address balance business_name cash_balance description email expand individual_name " +
      "invoice_prefix invoice_settings metadata name next_invoice_sequence payment_method phone " +
      "preferred_locales shipping source tax tax_exempt tax_id_data test_clock validate",
  },
  {
    operation: "customers.search",
    method: "GET",
    path: "/v1/customers/search",
    parameters: "query* expand limit page",
  },
  {
    operation: "customers.retrieve",
    method: "GET",
    path: "/v1/customers/{id}",
    parameters: "expand",
  },
  {
    operation: "customers.update",
    method: "POST",
    path: "/v1/customers/{id}",
    parameters:
      "address balance business_name cash_balance default_source description email expand " +
      "individual_name invoice_prefix invoice_settings metadata name next_invoice_sequence phone " +
      "preferred_locales shipping source tax tax_exempt validate",
  },
  {
    operation: "customers.delete",
    method: "DELETE",
    path: "/v1/customers/{id}",
    parameters: "",
  },
  {
    operation: "balance.retrieve",
    method: "GET",
    path: "/v1/balance",
    parameters: "expand",
  },
  {
    operation: "balance_transactions.list",
    method: "GET",
    path: "/v1/balance_transactions",
    parameters: "created currency expand payout source type ending_before limit starting_after",
  },
  {
    operation: "balance_transactions.retrieve",
    method: "GET",
    path: "/v1/balance_transactions/{id}",
    parameters: "expand",
  },
  {
    operation: "events.list",
    method: "GET",
    path: "/v1/events",
    parameters: "created delivery_success expand type types ending_before limit starting_after",
  },
  {
    operation: "events.retrieve",
    method: "GET",
    path: "/v1/events/{id}",
    parameters: "expand",
  },
] as const satisfies readonly Endpoint[];
