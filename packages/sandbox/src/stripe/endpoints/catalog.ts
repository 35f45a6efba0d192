import type { Endpoint } from "./endpoint.ts";

/** Products, prices, checkout sessions and payment links. */
export const CATALOG_ENDPOINTS = [
  {
    operation: "products.create",
    method: "POST",
    path: "/v1/products",
    parameters:
      "name* active:boolean default_price_data:hash description expand id images:list " +
      "marketing_features:list metadata package_dimensions:hash shippable:boolean " +
      "statement_descriptor tax_code tax_details:hash type unit_label url",
  },
  {
    operation: "products.retrieve",
    method: "GET",
    path: "/v1/products/{id}",
    parameters: "expand",
  },
  {
    operation: "products.update",
    method: "POST",
    path: "/v1/products/{id}",
    parameters:
      "active:boolean default_price description expand images:list marketing_features:list " +
      "metadata name package_dimensions:hash shippable:boolean statement_descriptor tax_code " +
      "tax_details:hash unit_label url",
  },
  {
    operation: "products.list",
    method: "GET",
    path: "/v1/products",
    parameters:
      "active:boolean created expand ids:list shippable:boolean type url ending_before limit " +
      "starting_after",
  },
  {
    operation: "prices.create",
    method: "POST",
    path: "/v1/prices",
    parameters:
      "currency* active:boolean billing_scheme currency_options:hash custom_unit_amount:hash " +
      "expand lookup_key metadata nickname product product_data:hash recurring:hash " +
      "tax_behavior tiers:list tiers_mode transfer_lookup_key:boolean transform_quantity:hash " +
      "unit_amount unit_amount_decimal",
  },
  {
    operation: "prices.retrieve",
    method: "GET",
    path: "/v1/prices/{id}",
    parameters: "expand",
  },
  {
    operation: "prices.update",
    method: "POST",
    path: "/v1/prices/{id}",
    parameters:
      "active:boolean currency_options:hash expand lookup_key metadata nickname tax_behavior " +
      "transfer_lookup_key:boolean",
  },
  {
    operation: "prices.list",
    method: "GET",
    path: "/v1/prices",
    parameters:
      "active:boolean created currency expand lookup_keys:list product recurring:hash type " +
      "ending_before limit starting_after",
  },
  {
    operation: "checkout_sessions.create",
    method: "POST",
    path: "/v1/checkout/sessions",
    parameters:
      "adaptive_pricing:hash after_expiration:hash allow_promotion_codes:boolean " +
      "allowed_payment_method_types automatic_tax:hash billing_address_collection " +
      "branding_settings:hash cancel_url client_reference_id consent_collection:hash currency " +
      "custom_fields:list custom_text:hash customer customer_account customer_creation " +
      "customer_email customer_update:hash discounts:list excluded_payment_method_types expand " +
      "expires_at:integer integration_identifier invoice_creation:hash line_items:list locale " +
      "managed_payments:hash metadata mode name_collection:hash optional_items:list " +
      "origin_context payment_intent_data:hash payment_method_collection " +
      "payment_method_configuration payment_method_data payment_method_options permissions:hash " +
      "phone_number_collection:hash redirect_on_completion return_url " +
      "saved_payment_method_options:hash setup_intent_data:hash " +
      "shipping_address_collection:hash shipping_options:list submit_type " +
      "subscription_data:hash success_url tax_id_collection:hash ui_mode wallet_options:hash",
  },
  {
    operation: "checkout_sessions.retrieve",
    method: "GET",
    path: "/v1/checkout/sessions/{id}",
    parameters: "expand",
  },
  {
    operation: "checkout_sessions.update",
    method: "POST",
    path: "/v1/checkout/sessions/{id}",
    parameters:
      "collected_information:hash expand line_items:list metadata payment_intent_data:hash " +
      "shipping_options:list",
  },
  {
    operation: "checkout_sessions.expire",
    method: "POST",
    path: "/v1/checkout/sessions/{id}/expire",
    parameters: "expand",
  },
  {
    operation: "checkout_sessions.list",
    method: "GET",
    path: "/v1/checkout/sessions",
    parameters:
      "created customer customer_account customer_details:hash expand payment_intent " +
      "payment_link status subscription ending_before limit starting_after",
  },
  {
    operation: "checkout_sessions.list_lines",
    method: "GET",
    path: "/v1/checkout/sessions/{id}/line_items",
    parameters: "expand ending_before limit starting_after",
  },
  {
    operation: "payment_links.create",
    method: "POST",
    path: "/v1/payment_links",
    parameters:
      "line_items*:list after_completion:hash allow_promotion_codes:boolean " +
      "application_fee_amount application_fee_percent:integer automatic_tax:hash " +
      "billing_address_collection consent_collection:hash currency custom_fields:list " +
      "custom_text:hash customer_creation expand inactive_message invoice_creation:hash " +
      "managed_payments:hash metadata name_collection:hash on_behalf_of optional_items:list " +
      "payment_intent_data:hash payment_method_collection payment_method_options " +
      "payment_method_types phone_number_collection:hash restrictions:hash " +
      "shipping_address_collection:hash shipping_options:list submit_type " +
      "subscription_data:hash tax_id_collection:hash transfer_data:hash",
  },
  {
    operation: "payment_links.retrieve",
    method: "GET",
    path: "/v1/payment_links/{id}",
    parameters: "expand",
  },
  {
    operation: "payment_links.update",
    method: "POST",
    path: "/v1/payment_links/{id}",
    parameters:
      "active:boolean after_completion:hash allow_promotion_codes:boolean " +
      "application_fee_amount application_fee_percent:integer automatic_tax:hash " +
      "billing_address_collection consent_collection:hash custom_fields:list custom_text:hash " +
      "customer_creation expand inactive_message invoice_creation:hash line_items:list metadata " +
      "name_collection:hash on_behalf_of optional_items:list payment_intent_data:hash " +
      "payment_method_collection payment_method_options payment_method_types " +
      "phone_number_collection:hash restrictions:hash shipping_address_collection:hash " +
      "shipping_options:list submit_type subscription_data:hash tax_id_collection:hash " +
      "transfer_data:hash",
  },
  {
    operation: "payment_links.list",
    method: "GET",
    path: "/v1/payment_links",
    parameters: "active:boolean expand ending_before limit starting_after",
  },
  {
    operation: "payment_links.list_lines",
    method: "GET",
    path: "/v1/payment_links/{id}/line_items",
    parameters: "expand ending_before limit starting_after",
  },
] as const satisfies readonly Endpoint[];
