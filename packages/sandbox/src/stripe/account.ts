import { Collection } from "./collection.ts";
import { invalidRequest } from "./error.ts";
import type {
  BalanceTransaction,
  Charge,
  Customer,
  DeletedCustomer,
  EventRecord,
  PaymentIntent,
  PaymentMethod,
  Payout,
  Refund,
  StripeObject,
  Transfer,
} from "./objects.ts";
import type { Params } from "./parameters.ts";

/** The API version that the fake speaks. */
export const API_VERSION = "2026-10-28.endive";

/**
 * What has moved in one currency, in minor units. What was canceled or reversed afterwards is not in it. `refunded` has
 * refunds by credit notes and of application fees too; `paidOut` has payouts and everything else that leaves for good:
 * outbound payments and transfers of Treasury and of money management, climate orders, approved card authorizations.
 */
export interface MoneyTotals {
  captured: number;
  refunded: number;
  transferred: number;
  paidOut: number;
}

/** Everything that the one Stripe account behind the fake holds. */
export class StripeAccount {
  readonly paymentIntents: Collection<PaymentIntent>;
  readonly charges: Collection<Charge>;
  readonly refunds: Collection<Refund>;
  readonly transfers: Collection<Transfer>;
  readonly payouts: Collection<Payout>;
  readonly customers: Collection<Customer | DeletedCustomer>;
  readonly paymentMethods: Collection<PaymentMethod>;
  readonly balanceTransactions: Collection<BalanceTransaction>;
  readonly events: Collection<EventRecord>;
  readonly #others = new Map<string, Collection<StripeObject>>();
  readonly #newCollection: () => Collection<StripeObject>;
  /** Counts the writes, so that whoever compares it before and after knows whether a call changed anything. */
  writes = 0;
  readonly #totals = new Map<string, MoneyTotals>();
  readonly #balances = new Map<string, number>();
  readonly #openingBalance: number;

  /** `objectsMax` of each kind; `openingBalance` in minor units of every currency. */
  constructor(objectsMax: number, openingBalance: number) {
    const onWrite = (): void => {
      this.writes += 1;
    };
    this.paymentIntents = new Collection(objectsMax, onWrite);
    this.charges = new Collection(objectsMax, onWrite);
    this.refunds = new Collection(objectsMax, onWrite);
    this.transfers = new Collection(objectsMax, onWrite);
    this.payouts = new Collection(objectsMax, onWrite);
    this.customers = new Collection(objectsMax, onWrite);
    this.paymentMethods = new Collection(objectsMax, onWrite);
    this.balanceTransactions = new Collection(objectsMax, onWrite);
    this.events = new Collection(objectsMax, onWrite);
    this.#newCollection = () => new Collection(objectsMax, onWrite);
    this.#openingBalance = openingBalance;
  }

  /** The objects of a kind that has no type of its own, such as `invoice`. */
  objects(kind: string): Collection<StripeObject> {
    const known = this.#others.get(kind);
    if (known !== undefined) return known;
    const made = this.#newCollection();
    this.#others.set(kind, made);
    return made;
  }

  /** Adds `amount` (negative to take back) to one of the totals. */
  count(currency: string, total: keyof MoneyTotals, amount: number): void {
    const totals = this.#totals.get(currency) ?? { captured: 0, refunded: 0, transferred: 0, paidOut: 0 };
    totals[total] += amount;
    this.#totals.set(currency, totals);
  }

  /** The totals by currency; a currency in which nothing ever moved is absent. */
  money(): Record<string, MoneyTotals> {
    return Object.fromEntries([...this.#totals].map(([currency, totals]) => [currency, { ...totals }]));
  }

  /** What is available in a currency. */
  balance(currency: string): number {
    return this.#balances.get(currency) ?? this.#openingBalance;
  }

  /** The currencies with a balance that has ever changed. */
  currencies(): readonly string[] {
    return [...this.#balances.keys()];
  }

  /** Throws Stripe's `balance_insufficient` unless `amount` is available. */
  requireBalance(amount: number, currency: string): void {
    if (amount <= this.balance(currency)) return;
    throw invalidRequest(
      "You have insufficient available funds in your Stripe account. Try adding funds directly to your available " +
        "balance by creating Charges.",
      { code: "balance_insufficient" },
    );
  }

  /** Moves money on the balance and keeps the transaction. */
  transact(
    call: StripeCall,
    entry: Pick<BalanceTransaction, "type" | "reporting_category" | "amount" | "currency" | "source"> & {
      readonly fee?: number;
      readonly description?: string | null;
    },
  ): BalanceTransaction {
    const { type, reporting_category, amount, currency, source, fee = 0, description = null } = entry;
    this.#balances.set(currency, this.balance(currency) + amount - fee);
    return this.balanceTransactions.put({
      id: this.balanceTransactions.newId("txn"),
      object: "balance_transaction",
      amount,
      available_on: call.now,
      balance_type: "payments",
      created: call.now,
      currency,
      description,
      exchange_rate: null,
      fee,
      fee_details: fee === 0 ? [] : [stripeFee(fee, currency)],
      net: amount - fee,
      reporting_category,
      source,
      status: "available",
      type,
    });
  }

  /** Keeps an event that names the call as its cause. */
  emit(call: StripeCall, type: string, object: object, previous: object | null = null): void {
    this.events.put({
      id: this.events.newId("evt"),
      type,
      created: call.now,
      object,
      previous,
      requestId: call.requestId,
      idempotencyKey: call.idempotencyKey,
    });
  }
}

function stripeFee(amount: number, currency: string): object {
  return { amount, application: null, currency, description: "Stripe processing fees", type: "stripe_fee" };
}

/** One checked call that is about to be executed. */
export interface StripeCall {
  readonly account: StripeAccount;
  readonly params: Params;
  /** The id in the path; empty when there is none. */
  readonly id: string;
  /** The second id in the path; empty when there is none. */
  readonly innerId: string;
  readonly requestId: string;
  readonly idempotencyKey: string | null;
  /** Seconds since 1970. */
  readonly now: number;
  /** Every payment that this call attempts is declined, whatever the card. */
  readonly isDeclineForced: boolean;
}

/** Executes a call and returns the object to answer with. Throws StripeError. */
export type StripeOperation = (call: StripeCall) => object;
