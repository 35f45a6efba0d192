import type { StripeOperation } from "./account.ts";
import { BALANCE_OPERATIONS } from "./balance.ts";
import { CHARGE_OPERATIONS } from "./charges.ts";
import { CUSTOMER_OPERATIONS } from "./customers.ts";
import type { Operation } from "./endpoints.ts";
import { EVENT_OPERATIONS } from "./events.ts";
import { PAYMENT_INTENT_OPERATIONS } from "./payment-intents.ts";
import { PAYOUT_OPERATIONS } from "./payouts.ts";
import { REFUND_OPERATIONS } from "./refunds.ts";
import { TRANSFER_OPERATIONS } from "./transfers.ts";

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
};

/** The operations that charge a card, which is all that can be declined. */
export const CHARGING_OPERATIONS: ReadonlySet<Operation> = new Set([
  "payment_intents.create",
  "payment_intents.confirm",
  "charges.create",
]);
