import { randomUUID } from "node:crypto";
import { RestCall } from "../rest-call.ts";
import { openSandboxServer, type SandboxOptions, type SandboxServer } from "../server.ts";
import type { FakeVendor, VendorAnswer, VendorCall, VendorRequest } from "../vendor.ts";
import { ResendAccount, type SentTotals } from "./account.ts";
import { ResendError } from "./error.ts";
import { ResendHouse } from "./house.ts";
import { IdempotencyKeys } from "./idempotency.ts";
import type { ApiKey, Broadcast, Contact, Domain, Email, Segment, Webhook } from "./records.ts";

/** What the fake Resend accepts and keeps. */
export interface FakeResendOptions extends SandboxOptions {
  /** The one key that is accepted, besides those made through the API. Default: every key that starts with `re_`. */
  readonly apiKey?: string;
  /** The domains that may send, besides those verified through the API. Default: every domain. */
  readonly verifiedDomains?: readonly string[];
  /** How many objects of each kind are kept; the oldest are forgotten. Default 100,000. */
  readonly objectsMax?: number;
  /** How many idempotency keys are kept; of the older half some are forgotten early. Default 100,000. */
  readonly idempotencyKeysMax?: number;
}

/** Everything that the fake holds, by kind, oldest first. */
export interface ResendObjects {
  readonly emails: readonly Email[];
  readonly domains: readonly Domain[];
  readonly apiKeys: readonly ApiKey[];
  readonly webhooks: readonly Webhook[];
  readonly segments: readonly Segment[];
  readonly contacts: readonly Contact[];
  readonly broadcasts: readonly Broadcast[];
}

/** A running fake Resend. */
export interface FakeResend extends SandboxServer {
  /** What has been sent since the start, scheduled emails included. */
  money(): SentTotals;
  objects(): ResendObjects;
}

const KEPT_MAX = 100_000;

/** Starts a stateful fake of Resend's API. Rejects when the port cannot be had. */
export async function openFakeResend(options: FakeResendOptions = {}): Promise<FakeResend> {
  const vendor = new FakeResendVendor(options);
  return Object.assign(await openSandboxServer(vendor, options), {
    money: () => vendor.money(),
    objects: () => vendor.objects(),
  });
}

class FakeResendVendor implements FakeVendor {
  readonly #options: FakeResendOptions;
  #house: ResendHouse;

  constructor(options: FakeResendOptions) {
    this.#options = options;
    this.#house = this.#newHouse();
  }

  begin(request: VendorRequest): VendorCall {
    return new RestCall(this.#house, request);
  }

  unreadable(status: 400 | 413, message: string): VendorAnswer {
    const error = new ResendError(status, "validation_error", `Invalid request: ${message}`);
    const headers = ["Content-Type", "application/json", ...this.#house.headers(randomUUID())];
    return { status, headers, body: JSON.stringify(error.content()) };
  }

  money(): SentTotals {
    return { ...this.#house.account.totals };
  }

  objects(): ResendObjects {
    const { account } = this.#house;
    return {
      emails: account.emails.list(),
      domains: account.domains.list(),
      apiKeys: account.apiKeys.list(),
      webhooks: account.webhooks.list(),
      segments: account.segments.list(),
      contacts: account.contacts.list(),
      broadcasts: account.broadcasts.list(),
    };
  }

  reset(): void {
    this.#house = this.#newHouse();
  }

  #newHouse(): ResendHouse {
    const { apiKey, verifiedDomains, objectsMax, idempotencyKeysMax, now = Date.now } = this.#options;
    const domains = verifiedDomains === undefined ? null : new Set(verifiedDomains);
    return new ResendHouse(
      new ResendAccount(objectsMax ?? KEPT_MAX, domains, now),
      new IdempotencyKeys(idempotencyKeysMax ?? KEPT_MAX, now),
      apiKey === undefined ? null : new Set([apiKey]),
    );
  }
}
