import type { Endpoint } from "./endpoint.ts";

/** Invoice items, invoices and credit notes. */
export const BILLING_ENDPOINTS = [
  {
    operation: "invoiceitems.create",
    method: "POST",
    path: "/v1/invoiceitems",
    parameters:
      "amount:integer currency customer customer_account description discountable:boolean " +
      "discounts:list expand invoice metadata period:hash price_data:hash pricing:hash " +
      "quantity:integer quantity_decimal subscription tax_behavior tax_code tax_rates:list " +
      "unit_amount_decimal",
  },
  {
    operation: "invoiceitems.retrieve",
    method: "GET",
    path: "/v1/invoiceitems/{id}",
    parameters: "expand",
  },
  {
    operation: "invoiceitems.update",
    method: "POST",
    path: "/v1/invoiceitems/{id}",
    parameters:
      "amount:integer description discountable:boolean discounts:list expand " +
      "invoicing_rules:hash metadata period:hash price_data:hash pricing:hash quantity:integer " +
      "quantity_decimal tax_behavior tax_code tax_rates:list unit_amount_decimal",
  },
  {
    operation: "invoiceitems.delete",
    method: "DELETE",
    path: "/v1/invoiceitems/{id}",
    parameters: "",
  },
  {
    operation: "invoiceitems.list",
    method: "GET",
    path: "/v1/invoiceitems",
    parameters:
      "created customer customer_account expand invoice pending:boolean ending_before limit " +
      "starting_after",
  },
  {
    operation: "invoices.create",
    method: "POST",
    path: "/v1/invoices",
    parameters:
      "account_tax_ids:list application_fee_amount auto_advance:boolean automatic_tax:hash " +
      "automatically_finalizes_at:integer collection_method currency custom_fields:list " +
      "customer customer_account days_until_due:integer default_payment_method default_source " +
      "default_tax_rates:list description discounts:list due_date:integer effective_at:integer " +
      "expand footer from_invoice:hash issuer:hash metadata number on_behalf_of " +
      "payment_settings:hash pending_invoice_items_behavior rendering:hash shipping_cost:hash " +
      "shipping_details:hash statement_descriptor subscription transfer_data:hash",
  },
  {
    operation: "invoices.retrieve",
    method: "GET",
    path: "/v1/invoices/{id}",
    parameters: "expand",
  },
  {
    operation: "invoices.update",
    method: "POST",
    path: "/v1/invoices/{id}",
    parameters:
      "account_tax_ids:list application_fee_amount auto_advance:boolean automatic_tax:hash " +
      "automatically_finalizes_at:integer collection_method custom_fields:list " +
      "days_until_due:integer default_payment_method default_source default_tax_rates:list " +
      "description discounts:list due_date:integer effective_at:integer expand footer " +
      "issuer:hash metadata number on_behalf_of payment_settings:hash rendering:hash " +
      "shipping_cost:hash shipping_details:hash statement_descriptor transfer_data:hash",
  },
  {
    operation: "invoices.delete",
    method: "DELETE",
    path: "/v1/invoices/{id}",
    parameters: "",
  },
  {
    operation: "invoices.list",
    method: "GET",
    path: "/v1/invoices",
    parameters:
      "collection_method created customer customer_account due_date:range expand status " +
      "subscription ending_before limit starting_after",
  },
  {
    operation: "invoices.add_lines",
    method: "POST",
    path: "/v1/invoices/{id}/add_lines",
    parameters: "lines*:list expand invoice_metadata:hash",
  },
  {
    operation: "invoices.create_preview",
    method: "POST",
    path: "/v1/invoices/create_preview",
    parameters:
      "automatic_tax:hash currency customer customer_account customer_details:hash " +
      "discounts:list expand invoice_items:list issuer:hash on_behalf_of preview_mode schedule " +
      "schedule_details:hash subscription subscription_details:hash",
  },
  {
    operation: "invoices.finalize",
    method: "POST",
    path: "/v1/invoices/{id}/finalize",
    parameters: "auto_advance:boolean expand",
  },
  {
    operation: "invoices.mark_uncollectible",
    method: "POST",
    path: "/v1/invoices/{id}/mark_uncollectible",
    parameters: "expand",
  },
  {
    operation: "invoices.pay",
    method: "POST",
    path: "/v1/invoices/{id}/pay",
    parameters:
      "expand forgive:boolean mandate off_session:boolean paid_out_of_band:boolean " +
      "payment_method source",
  },
  {
    operation: "invoices.send",
    method: "POST",
    path: "/v1/invoices/{id}/send",
    parameters: "expand",
  },
  {
    operation: "invoices.void",
    method: "POST",
    path: "/v1/invoices/{id}/void",
    parameters: "expand",
  },
  {
    operation: "invoices.list_lines",
    method: "GET",
    path: "/v1/invoices/{id}/lines",
    parameters: "expand ending_before limit starting_after",
  },
  {
    operation: "credit_notes.create",
    method: "POST",
    path: "/v1/credit_notes",
    parameters:
      "invoice* amount:natural credit_amount:integer effective_at:integer email_type expand " +
      "lines:list memo metadata out_of_band_amount:integer reason:text refund_amount:integer " +
      "refunds:list shipping_cost:hash",
  },
  {
    operation: "credit_notes.retrieve",
    method: "GET",
    path: "/v1/credit_notes/{id}",
    parameters: "expand",
  },
  {
    operation: "credit_notes.update",
    method: "POST",
    path: "/v1/credit_notes/{id}",
    parameters: "expand memo metadata",
  },
  {
    operation: "credit_notes.list",
    method: "GET",
    path: "/v1/credit_notes",
    parameters: "created customer customer_account expand invoice ending_before limit starting_after",
  },
  {
    operation: "credit_notes.preview",
    method: "GET",
    path: "/v1/credit_notes/preview",
    parameters:
      "invoice* amount:natural credit_amount:integer effective_at:integer email_type expand " +
      "lines:list memo metadata out_of_band_amount:integer reason:text refund_amount:integer " +
      "refunds:list shipping_cost:hash",
  },
  {
    operation: "credit_notes.void",
    method: "POST",
    path: "/v1/credit_notes/{id}/void",
    parameters: "expand",
  },
  {
    operation: "credit_notes.list_lines",
    method: "GET",
    path: "/v1/credit_notes/{id}/lines",
    parameters: "expand ending_before limit starting_after",
  },
] as const satisfies readonly Endpoint[];
