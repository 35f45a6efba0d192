import type { Endpoint } from "./endpoint.ts";

/** Reversals, top-ups, application fees, customers' balances, disputes and files. */
export const MONEY_ENDPOINTS = [
  {
    operation: "transfer_reversals.create",
    method: "POST",
    path: "/v1/transfers/{id}/reversals",
    parameters: "amount description expand metadata refund_application_fee",
  },
  {
    operation: "transfer_reversals.retrieve",
    method: "GET",
    path: "/v1/transfers/{id}/reversals/{inner}",
    parameters: "expand",
  },
  {
    operation: "transfer_reversals.update",
    method: "POST",
    path: "/v1/transfers/{id}/reversals/{inner}",
    parameters: "expand metadata",
  },
  {
    operation: "transfer_reversals.list",
    method: "GET",
    path: "/v1/transfers/{id}/reversals",
    parameters: "expand ending_before limit starting_after",
  },
  {
    operation: "payouts.reverse",
    method: "POST",
    path: "/v1/payouts/{id}/reverse",
    parameters: "expand metadata",
  },
  {
    operation: "topups.create",
    method: "POST",
    path: "/v1/topups",
    parameters:
      "amount* currency* description expand metadata payment_method " +
      "payment_method_options source statement_descriptor transfer_group",
  },
  {
    operation: "topups.retrieve",
    method: "GET",
    path: "/v1/topups/{id}",
    parameters: "expand",
  },
  {
    operation: "topups.update",
    method: "POST",
    path: "/v1/topups/{id}",
    parameters: "description expand metadata",
  },
  {
    operation: "topups.list",
    method: "GET",
    path: "/v1/topups",
    parameters: "amount:range created expand status ending_before limit starting_after",
  },
  {
    operation: "topups.cancel",
    method: "POST",
    path: "/v1/topups/{id}/cancel",
    parameters: "expand",
  },
  {
    operation: "application_fees.retrieve",
    method: "GET",
    path: "/v1/application_fees/{id}",
    parameters: "expand",
  },
  {
    operation: "application_fees.list",
    method: "GET",
    path: "/v1/application_fees",
    parameters: "charge created expand ending_before limit starting_after",
  },
  {
    operation: "fee_refunds.create",
    method: "POST",
    path: "/v1/application_fees/{id}/refunds",
    parameters: "amount expand metadata",
  },
  {
    operation: "fee_refunds.retrieve",
    method: "GET",
    path: "/v1/application_fees/{id}/refunds/{inner}",
    parameters: "expand",
  },
  {
    operation: "fee_refunds.update",
    method: "POST",
    path: "/v1/application_fees/{id}/refunds/{inner}",
    parameters: "expand metadata",
  },
  {
    operation: "fee_refunds.list",
    method: "GET",
    path: "/v1/application_fees/{id}/refunds",
    parameters: "expand ending_before limit starting_after",
  },
  {
    operation: "customer_balance_transactions.create",
    method: "POST",
    path: "/v1/customers/{id}/balance_transactions",
    parameters: "amount*:integer currency* description expand metadata",
  },
  {
    operation: "customer_balance_transactions.retrieve",
    method: "GET",
    path: "/v1/customers/{id}/balance_transactions/{inner}",
    parameters: "expand",
  },
  {
    operation: "customer_balance_transactions.update",
    method: "POST",
    path: "/v1/customers/{id}/balance_transactions/{inner}",
    parameters: "description expand metadata",
  },
  {
    operation: "customer_balance_transactions.list",
    method: "GET",
    path: "/v1/customers/{id}/balance_transactions",
    parameters: "created expand invoice ending_before limit starting_after",
  },
  {
    operation: "customers.list_payment_methods",
    method: "GET",
    path: "/v1/customers/{id}/payment_methods",
    parameters: "allow_redisplay expand type ending_before limit starting_after",
  },
  {
    operation: "customers.retrieve_payment_method",
    method: "GET",
    path: "/v1/customers/{id}/payment_methods/{inner}",
    parameters: "expand",
  },
  {
    operation: "disputes.retrieve",
    method: "GET",
    path: "/v1/disputes/{id}",
    parameters: "expand",
  },
  {
    operation: "disputes.update",
    method: "POST",
    path: "/v1/disputes/{id}",
    parameters: "evidence:hash expand intended_submission_method metadata submit:boolean",
  },
  {
    operation: "disputes.list",
    method: "GET",
    path: "/v1/disputes",
    parameters: "charge created expand payment_intent ending_before limit starting_after",
  },
  {
    operation: "disputes.close",
    method: "POST",
    path: "/v1/disputes/{id}/close",
    parameters: "expand",
  },
  {
    operation: "files.create",
    method: "POST",
    path: "/v1/files",
    parameters: "file*:hash purpose* expand file_link_data:hash",
  },
  {
    operation: "files.retrieve",
    method: "GET",
    path: "/v1/files/{id}",
    parameters: "expand",
  },
  {
    operation: "files.list",
    method: "GET",
    path: "/v1/files",
    parameters: "created expand purpose ending_before limit starting_after",
  },
  {
    operation: "payment_intents.apply_customer_balance",
    method: "POST",
    path: "/v1/payment_intents/{id}/apply_customer_balance",
    parameters: "amount currency expand",
  },
  {
    operation: "files.download",
    method: "GET",
    path: "/v1/files/{id}/contents",
    parameters: "",
  },
] as const satisfies readonly Endpoint[];
