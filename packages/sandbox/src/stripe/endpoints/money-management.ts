import type { Endpoint } from "./endpoint.ts";

/** The second version of the API: JSON bodies. */
export const MONEY_MANAGEMENT_ENDPOINTS = [
  {
    operation: "v2_outbound_payments.create",
    method: "POST",
    path: "/v2/money_management/outbound_payments",
    parameters:
      "amount*:hash from*:hash to*:hash description metadata recipient_notification:hash " +
      "recipient_verification statement_descriptor",
  },
  {
    operation: "v2_outbound_payments.retrieve",
    method: "GET",
    path: "/v2/money_management/outbound_payments/{id}",
    parameters: "",
  },
  {
    operation: "v2_outbound_payments.list",
    method: "GET",
    path: "/v2/money_management/outbound_payments",
    parameters: "page created:hash limit recipient status:list",
  },
  {
    operation: "v2_outbound_payments.cancel",
    method: "POST",
    path: "/v2/money_management/outbound_payments/{id}/cancel",
    parameters: "",
  },
  {
    operation: "v2_payout_intents.create",
    method: "POST",
    path: "/v2/money_management/payout_intents",
    parameters:
      "amount*:hash from*:hash to*:hash confirmation_method:text description metadata " +
      "recipient_notification:hash schedule_options:hash statement_descriptor",
  },
  {
    operation: "v2_payout_intents.retrieve",
    method: "GET",
    path: "/v2/money_management/payout_intents/{id}",
    parameters: "",
  },
  {
    operation: "v2_payout_intents.update",
    method: "POST",
    path: "/v2/money_management/payout_intents/{id}",
    parameters:
      "description metadata recipient_notification:hash schedule_options:hash " +
      "statement_descriptor to:hash",
  },
  {
    operation: "v2_payout_intents.list",
    method: "GET",
    path: "/v2/money_management/payout_intents",
    parameters: "page limit",
  },
  {
    operation: "v2_payout_intents.cancel",
    method: "POST",
    path: "/v2/money_management/payout_intents/{id}/cancel",
    parameters: "",
  },
  {
    operation: "v2_payout_intents.confirm",
    method: "POST",
    path: "/v2/money_management/payout_intents/{id}/confirm",
    parameters: "",
  },
  {
    operation: "v2_inbound_transfers.create",
    method: "POST",
    path: "/v2/money_management/inbound_transfers",
    parameters: "amount*:hash from*:hash to*:hash description",
  },
  {
    operation: "v2_inbound_transfers.retrieve",
    method: "GET",
    path: "/v2/money_management/inbound_transfers/{id}",
    parameters: "",
  },
  {
    operation: "v2_inbound_transfers.list",
    method: "GET",
    path: "/v2/money_management/inbound_transfers",
    parameters: "page created:hash limit",
  },
  {
    operation: "v2_outbound_transfers.create",
    method: "POST",
    path: "/v2/money_management/outbound_transfers",
    parameters: "amount*:hash from*:hash to*:hash description metadata " + "statement_descriptor",
  },
  {
    operation: "v2_outbound_transfers.retrieve",
    method: "GET",
    path: "/v2/money_management/outbound_transfers/{id}",
    parameters: "",
  },
  {
    operation: "v2_outbound_transfers.list",
    method: "GET",
    path: "/v2/money_management/outbound_transfers",
    parameters: "page created:hash limit status:list",
  },
  {
    operation: "v2_outbound_transfers.cancel",
    method: "POST",
    path: "/v2/money_management/outbound_transfers/{id}/cancel",
    parameters: "",
  },
] as const satisfies readonly Endpoint[];
