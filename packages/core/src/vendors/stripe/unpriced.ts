const REASONS: Readonly<Record<string, string>> = {
  "subscription_items.update":
    "the cost is not known beforehand: change the item through `POST /v1/subscriptions/{subscription}` with `items`",
  "subscription_items.delete":
    "what is then invoiced is not known: delete the item through `POST /v1/subscriptions/{subscription}` with `items`",
  "subscription_schedules.create": "a schedule charges later, without a call: create a subscription instead",
  "subscription_schedules.update":
    "a schedule charges later, without a call: update its subscription instead",
  "subscription_schedules.cancel":
    "what is then invoiced is not known: release the schedule and cancel its subscription",
  "subscriptions.pause": "what is then invoiced is not known: leave out `bill_for` and `invoicing_behavior`",
  "checkout.sessions.update": "the session's new total is not known: expire it and create another",
  "payment_links.update": "a link can be paid any number of times: create one with `restrictions`",
  "billing.meter_events.create": "usage is billed later at a price that is not known here",
  "v2.billing.meter_events.create": "usage is billed later at a price that is not known here",
  "v2.billing.meter_event_stream.create": "usage is billed later at a price that is not known here",
  "issuing.cards.create": "what a card spends never passes this proxy",
  "issuing.cards.update": "what a card spends never passes this proxy",
  "issuing.cardholders.update": "what a cardholder's cards spend never passes this proxy",
  "treasury.financial_accounts.update": "`forwarding_settings` and `features` move an unknown balance",
  "treasury.financial_accounts.close": "closing forwards a balance of unknown size: empty the account first",
  "forwarding.requests.create": "what another service does with a forwarded card is not known",
  "balance_settings.update": "payouts that happen by themselves have no price",
  "accounts.update": "`settings` and `external_account` decide where money goes",
  "accounts.reject": "`payouts_action` moves a balance of unknown size",
  "accounts.external_accounts.create": "it decides where payouts go",
  "accounts.external_accounts.update": "it decides where payouts go",
  "v2.core.accounts.update": "`configuration` decides where money goes",
  "v2.core.accounts.close": "closing moves a balance of unknown size",
};

const UNKNOWN = "the cost of this call cannot be known beforehand";

/** The operations that have a reason of their own. */
export const UNPRICED_OPERATIONS: readonly string[] = Object.keys(REASONS);

/** Why calls of an operation have no price, and what to do instead. */
export function reasonOf(operation: string): string {
  const reason = REASONS[operation] ?? UNKNOWN;
  return `${reason} (or set \`on_unpriced\` to \`allow\`)`;
}
