import type { Endpoint } from "./endpoint.ts";

/** Issuing, Treasury, Climate and Terminal. */
export const PLATFORM_ENDPOINTS = [
  {
    operation: "issuing_cards.create",
    method: "POST",
    path: "/v1/issuing/cards",
    parameters:
      "currency* type* cardholder exp_month:integer exp_year:integer expand financial_account " +
      "lifecycle_controls:hash metadata personalization_design pin:hash replacement_for " +
      "replacement_reason second_line shipping spending_controls:hash status",
  },
  {
    operation: "issuing_cards.retrieve",
    method: "GET",
    path: "/v1/issuing/cards/{id}",
    parameters: "expand",
  },
  {
    operation: "issuing_cards.update",
    method: "POST",
    path: "/v1/issuing/cards/{id}",
    parameters:
      "cancellation_reason:text expand financial_account metadata personalization_design " +
      "pin:hash shipping spending_controls:hash status",
  },
  {
    operation: "issuing_cards.list",
    method: "GET",
    path: "/v1/issuing/cards",
    parameters:
      "cardholder created exp_month:integer exp_year:integer expand last4 " +
      "personalization_design status type ending_before limit starting_after",
  },
  {
    operation: "issuing_authorizations.retrieve",
    method: "GET",
    path: "/v1/issuing/authorizations/{id}",
    parameters: "expand",
  },
  {
    operation: "issuing_authorizations.update",
    method: "POST",
    path: "/v1/issuing/authorizations/{id}",
    parameters: "expand metadata",
  },
  {
    operation: "issuing_authorizations.list",
    method: "GET",
    path: "/v1/issuing/authorizations",
    parameters: "card cardholder created expand status ending_before limit starting_after",
  },
  {
    operation: "issuing_authorizations.approve",
    method: "POST",
    path: "/v1/issuing/authorizations/{id}/approve",
    parameters: "amount expand metadata",
  },
  {
    operation: "issuing_authorizations.decline",
    method: "POST",
    path: "/v1/issuing/authorizations/{id}/decline",
    parameters: "expand metadata",
  },
  {
    operation: "treasury_financial_accounts.retrieve",
    method: "GET",
    path: "/v1/treasury/financial_accounts/{id}",
    parameters: "expand",
  },
  {
    operation: "treasury_financial_accounts.list",
    method: "GET",
    path: "/v1/treasury/financial_accounts",
    parameters: "created expand status ending_before limit starting_after",
  },
  {
    operation: "treasury_outbound_payments.create",
    method: "POST",
    path: "/v1/treasury/outbound_payments",
    parameters:
      "amount* currency* financial_account* customer description " +
      "destination_payment_method destination_payment_method_data:hash " +
      "destination_payment_method_options:hash end_user_details:hash expand metadata " +
      "statement_descriptor",
  },
  {
    operation: "treasury_outbound_payments.retrieve",
    method: "GET",
    path: "/v1/treasury/outbound_payments/{id}",
    parameters: "expand",
  },
  {
    operation: "treasury_outbound_payments.list",
    method: "GET",
    path: "/v1/treasury/outbound_payments",
    parameters: "financial_account* created customer expand status ending_before limit starting_after",
  },
  {
    operation: "treasury_outbound_payments.cancel",
    method: "POST",
    path: "/v1/treasury/outbound_payments/{id}/cancel",
    parameters: "expand",
  },
  {
    operation: "treasury_outbound_transfers.create",
    method: "POST",
    path: "/v1/treasury/outbound_transfers",
    parameters:
      "amount* currency* financial_account* description destination_payment_method " +
      "destination_payment_method_data:hash destination_payment_method_options:hash expand " +
      "metadata statement_descriptor",
  },
  {
    operation: "treasury_outbound_transfers.retrieve",
    method: "GET",
    path: "/v1/treasury/outbound_transfers/{id}",
    parameters: "expand",
  },
  {
    operation: "treasury_outbound_transfers.list",
    method: "GET",
    path: "/v1/treasury/outbound_transfers",
    parameters: "financial_account* expand status ending_before limit starting_after",
  },
  {
    operation: "treasury_outbound_transfers.cancel",
    method: "POST",
    path: "/v1/treasury/outbound_transfers/{id}/cancel",
    parameters: "expand",
  },
  {
    operation: "treasury_inbound_transfers.create",
    method: "POST",
    path: "/v1/treasury/inbound_transfers",
    parameters:
      "amount* currency* financial_account* origin_payment_method* description expand " +
      "metadata statement_descriptor",
  },
  {
    operation: "treasury_inbound_transfers.retrieve",
    method: "GET",
    path: "/v1/treasury/inbound_transfers/{id}",
    parameters: "expand",
  },
  {
    operation: "treasury_inbound_transfers.list",
    method: "GET",
    path: "/v1/treasury/inbound_transfers",
    parameters: "financial_account* expand status ending_before limit starting_after",
  },
  {
    operation: "treasury_inbound_transfers.cancel",
    method: "POST",
    path: "/v1/treasury/inbound_transfers/{id}/cancel",
    parameters: "expand",
  },
  {
    operation: "climate_products.retrieve",
    method: "GET",
    path: "/v1/climate/products/{id}",
    parameters: "expand",
  },
  {
    operation: "climate_products.list",
    method: "GET",
    path: "/v1/climate/products",
    parameters: "expand ending_before limit starting_after",
  },
  {
    operation: "climate_orders.create",
    method: "POST",
    path: "/v1/climate/orders",
    parameters: "product* amount beneficiary:hash currency expand metadata metric_tons",
  },
  {
    operation: "climate_orders.retrieve",
    method: "GET",
    path: "/v1/climate/orders/{id}",
    parameters: "expand",
  },
  {
    operation: "climate_orders.update",
    method: "POST",
    path: "/v1/climate/orders/{id}",
    parameters: "beneficiary:hash expand metadata",
  },
  {
    operation: "climate_orders.list",
    method: "GET",
    path: "/v1/climate/orders",
    parameters: "expand ending_before limit starting_after",
  },
  {
    operation: "climate_orders.cancel",
    method: "POST",
    path: "/v1/climate/orders/{id}/cancel",
    parameters: "expand",
  },
  {
    operation: "terminal_readers.create",
    method: "POST",
    path: "/v1/terminal/readers",
    parameters: "registration_code* expand label location metadata",
  },
  {
    operation: "terminal_readers.retrieve",
    method: "GET",
    path: "/v1/terminal/readers/{id}",
    parameters: "expand",
  },
  {
    operation: "terminal_readers.update",
    method: "POST",
    path: "/v1/terminal/readers/{id}",
    parameters: "expand label metadata",
  },
  {
    operation: "terminal_readers.list",
    method: "GET",
    path: "/v1/terminal/readers",
    parameters: "device_type expand location serial_number status ending_before limit starting_after",
  },
  {
    operation: "terminal_readers.process_payment_intent",
    method: "POST",
    path: "/v1/terminal/readers/{id}/process_payment_intent",
    parameters: "payment_intent* expand process_config:hash",
  },
  {
    operation: "terminal_readers.confirm_payment_intent",
    method: "POST",
    path: "/v1/terminal/readers/{id}/confirm_payment_intent",
    parameters: "payment_intent* confirm_config:hash expand",
  },
  {
    operation: "terminal_readers.process_setup_intent",
    method: "POST",
    path: "/v1/terminal/readers/{id}/process_setup_intent",
    parameters: "allow_redisplay* setup_intent* expand process_config:hash",
  },
  {
    operation: "terminal_readers.refund_payment",
    method: "POST",
    path: "/v1/terminal/readers/{id}/refund_payment",
    parameters:
      "amount charge expand metadata payment_intent refund_application_fee " +
      "refund_payment_config:hash reverse_transfer",
  },
  {
    operation: "terminal_readers.cancel_action",
    method: "POST",
    path: "/v1/terminal/readers/{id}/cancel_action",
    parameters: "expand",
  },
] as const satisfies readonly Endpoint[];
