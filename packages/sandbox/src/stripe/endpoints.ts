import { BILLING_ENDPOINTS } from "./endpoints/billing.ts";
import { CATALOG_ENDPOINTS } from "./endpoints/catalog.ts";
import { MONEY_ENDPOINTS } from "./endpoints/money.ts";
import { MONEY_MANAGEMENT_ENDPOINTS } from "./endpoints/money-management.ts";
import { PAYMENT_ENDPOINTS } from "./endpoints/payments.ts";
import { PLATFORM_ENDPOINTS } from "./endpoints/platform.ts";
import { SUBSCRIPTIONS_ENDPOINTS } from "./endpoints/subscriptions.ts";

/** Every endpoint that the fake serves. */
export const ENDPOINTS = [
  ...PAYMENT_ENDPOINTS,
  ...CATALOG_ENDPOINTS,
  ...BILLING_ENDPOINTS,
  ...SUBSCRIPTIONS_ENDPOINTS,
  ...MONEY_ENDPOINTS,
  ...PLATFORM_ENDPOINTS,
  ...MONEY_MANAGEMENT_ENDPOINTS,
] as const;

/** The name of an endpoint of the fake, such as `payment_intents.create`. */
export type Operation = (typeof ENDPOINTS)[number]["operation"];
