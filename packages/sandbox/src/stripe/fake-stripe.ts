import { BoundedMap } from "../bounded-map.ts";
import { openSandboxServer, type SandboxOptions, type SandboxServer } from "../server.ts";
import type { FakeVendor, VendorAnswer, VendorCall, VendorRequest } from "../vendor.ts";
import { API_VERSION, type MoneyTotals, StripeAccount, type StripeCall } from "./account.ts";
import { StripeError } from "./error.ts";
import { IdempotencyKeys } from "./idempotency.ts";
import { newRequestId } from "./ids.ts";
import type { StripeObject } from "./objects.ts";
import { type SeedableKind, type SeedFields, seedObject } from "./seeds.ts";
import { StripeExchange, type StripeHouse } from "./stripe-call.ts";

/** What the fake Stripe accepts and keeps. */
export interface FakeStripeOptions extends SandboxOptions {
  /** The secret keys that are accepted. Default: every key that starts with `sk_test_` or `rk_test_`. */
  readonly secretKeys?: readonly string[];
  /** How many objects of each kind are kept; the oldest are forgotten. Default 200,000. */
  readonly objectsMax?: number;
  /** How many idempotency keys are kept; of the older half some are forgotten early. Default 100,000. */
  readonly idempotencyKeysMax?: number;
  /** The balance at the start, in minor units of every currency. Default 10^12, in effect unlimited. */
  readonly openingBalance?: number;
}

/** A running fake Stripe. */
export interface FakeStripe extends SandboxServer {
  /** What has moved, by currency, in minor units. Independent of which objects are still kept. */
  money(): Record<string, MoneyTotals>;
  /**
   * Makes an object that Stripe's API has no call for, such as a dispute or an issuing authorization; `fields` replace
   * those of its blank. The kinds are those of {@link SEEDABLE_KINDS}. Throws a plain error for any other.
   */
  seed(kind: SeedableKind, fields?: SeedFields): StripeObject;
}

const OBJECTS_MAX = 200_000;
const IDEMPOTENCY_KEYS_MAX = 100_000;
const OPENING_BALANCE = 1_000_000_000_000;

/** Starts a stateful fake of Stripe's API. Rejects when the port cannot be had. */
export async function openFakeStripe(options: FakeStripeOptions = {}): Promise<FakeStripe> {
  const vendor = new FakeStripeVendor(options);
  return Object.assign(await openSandboxServer(vendor, options), {
    money: () => vendor.money(),
    seed: (kind: SeedableKind, fields: SeedFields = {}) => vendor.seed(kind, fields),
  });
}

class FakeStripeVendor implements FakeVendor {
  readonly #options: FakeStripeOptions;
  readonly #now: () => number;
  readonly #attempts: BoundedMap<number>;
  #house: StripeHouse;

  constructor(options: FakeStripeOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#attempts = new BoundedMap(options.idempotencyKeysMax ?? IDEMPOTENCY_KEYS_MAX);
    this.#house = this.#newHouse();
  }

  begin(request: VendorRequest): VendorCall {
    return new StripeExchange(this.#house, request);
  }

  unreadable(status: 400 | 413, message: string): VendorAnswer {
    const requestId = newRequestId();
    const error = new StripeError(status, {
      type: "invalid_request_error",
      message: `Invalid request: ${message}.`,
    });
    const headers = [
      "Content-Type",
      "application/json",
      "Request-Id",
      requestId,
      "Stripe-Version",
      API_VERSION,
    ];
    return { status, headers, body: JSON.stringify(error.content(requestId)) };
  }

  money(): Record<string, MoneyTotals> {
    return this.#house.account.money();
  }

  seed(kind: string, fields: object): StripeObject {
    const { account } = this.#house;
    const call: StripeCall = {
      account,
      params: {},
      id: "",
      innerId: "",
      requestId: newRequestId(),
      idempotencyKey: null,
      now: Math.floor(this.#now() / 1_000),
      isDeclineForced: false,
    };
    return seedObject(call, kind, fields as SeedFields);
  }

  reset(): void {
    this.#attempts.clear();
    this.#house = this.#newHouse();
  }

  #newHouse(): StripeHouse {
    const { objectsMax, openingBalance, idempotencyKeysMax, secretKeys } = this.#options;
    return {
      account: new StripeAccount(objectsMax ?? OBJECTS_MAX, openingBalance ?? OPENING_BALANCE),
      keys: new IdempotencyKeys(idempotencyKeysMax ?? IDEMPOTENCY_KEYS_MAX, this.#now),
      secretKeys: secretKeys === undefined ? null : new Set(secretKeys),
      now: this.#now,
      countAttempt: (scope) => {
        const attempt = (this.#attempts.get(scope) ?? 0) + 1;
        this.#attempts.set(scope, attempt);
        return attempt;
      },
    };
  }
}
