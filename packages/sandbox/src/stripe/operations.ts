import type { StripeOperation } from "./account.ts";
import { APPLICATION_FEE_OPERATIONS } from "./application-fees.ts";
import { PAYMENT_METHOD_OPERATIONS } from "./attached-methods.ts";
import { BALANCE_OPERATIONS } from "./balance.ts";
import { CHARGE_OPERATIONS } from "./charges.ts";
import { CHECKOUT_SESSION_OPERATIONS } from "./checkout-sessions.ts";
import { CLIMATE_OPERATIONS } from "./climate.ts";
import { CREDIT_NOTE_OPERATIONS } from "./credit-notes.ts";
import { CUSTOMER_BALANCE_OPERATIONS } from "./customer-balance.ts";
import { CUSTOMER_OPERATIONS } from "./customers.ts";
import { DISPUTE_OPERATIONS } from "./disputes.ts";
import type { Operation } from "./endpoints.ts";
import { EVENT_OPERATIONS } from "./events.ts";
import { FILE_OPERATIONS } from "./files.ts";
import { INVOICE_ITEM_OPERATIONS } from "./invoice-items.ts";
import { INVOICE_OPERATIONS } from "./invoices.ts";
import { ISSUING_AUTHORIZATION_OPERATIONS } from "./issuing-authorizations.ts";
import { ISSUING_CARD_OPERATIONS } from "./issuing-cards.ts";
import { MONEY_MANAGEMENT_OPERATIONS } from "./money-management.ts";
import { PAYMENT_INTENT_OPERATIONS } from "./payment-intents.ts";
import { PAYMENT_LINK_OPERATIONS } from "./payment-links.ts";
import { PAYOUT_OPERATIONS } from "./payouts.ts";
import { PRICE_OPERATIONS } from "./prices.ts";
import { PRODUCT_OPERATIONS } from "./products.ts";
import { QUOTE_OPERATIONS } from "./quotes.ts";
import { REFUND_OPERATIONS } from "./refunds.ts";
import { SETUP_INTENT_OPERATIONS } from "./setup-intents.ts";
import { SUBSCRIPTION_ITEM_OPERATIONS } from "./subscription-items.ts";
import { SUBSCRIPTION_OPERATIONS } from "./subscriptions.ts";
import { TERMINAL_READER_OPERATIONS } from "./terminal-readers.ts";
import { TOPUP_OPERATIONS } from "./topups.ts";
import { TRANSFER_REVERSAL_OPERATIONS } from "./transfer-reversals.ts";
import { TRANSFER_OPERATIONS } from "./transfers.ts";
import { TREASURY_ACCOUNT_OPERATIONS } from "./treasury-accounts.ts";
import { TREASURY_FLOW_OPERATIONS } from "./treasury-flows.ts";

/** What every endpoint does. */
export const OPERATIONS: Readonly<Record<Operation, StripeOperation>> = {
  ...PAYMENT_INTENT_OPERATIONS,
  ...CHARGE_OPERATIONS,
  ...REFUND_OPERATIONS,
  ...TRANSFER_OPERATIONS,
  ...PAYOUT_OPERATIONS,
  ...CUSTOMER_OPERATIONS,
  ...BALANCE_OPERATIONS,
  ...EVENT_OPERATIONS,
  ...APPLICATION_FEE_OPERATIONS,
  ...PAYMENT_METHOD_OPERATIONS,
  ...CHECKOUT_SESSION_OPERATIONS,
  ...CLIMATE_OPERATIONS,
  ...CREDIT_NOTE_OPERATIONS,
  ...CUSTOMER_BALANCE_OPERATIONS,
  ...DISPUTE_OPERATIONS,
  ...FILE_OPERATIONS,
  ...INVOICE_ITEM_OPERATIONS,
  ...INVOICE_OPERATIONS,
  ...ISSUING_AUTHORIZATION_OPERATIONS,
  ...ISSUING_CARD_OPERATIONS,
  ...MONEY_MANAGEMENT_OPERATIONS,
  ...PAYMENT_LINK_OPERATIONS,
  ...PRICE_OPERATIONS,
  ...PRODUCT_OPERATIONS,
  ...QUOTE_OPERATIONS,
  ...SETUP_INTENT_OPERATIONS,
  ...SUBSCRIPTION_ITEM_OPERATIONS,
  ...SUBSCRIPTION_OPERATIONS,
  ...TERMINAL_READER_OPERATIONS,
  ...TOPUP_OPERATIONS,
  ...TRANSFER_REVERSAL_OPERATIONS,
  ...TREASURY_ACCOUNT_OPERATIONS,
  ...TREASURY_FLOW_OPERATIONS,
};

/** The operations that charge a card, which is all that can be declined. */
export const CHARGING_OPERATIONS: ReadonlySet<Operation> = new Set([
  "payment_intents.create",
  "payment_intents.confirm",
  "charges.create",
  "invoices.pay",
  "subscriptions.create",
  "subscriptions.update",
  "terminal_readers.process_payment_intent",
  "terminal_readers.confirm_payment_intent",
]);
