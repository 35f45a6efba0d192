import { ObjectStore } from "../object-store.ts";
import { dayOf } from "./dates.ts";
import type { Media, Message, PhoneCall, PhoneNumber, ServiceRecord, Verification } from "./records.ts";
import type { StatusCallbacks } from "./status-callbacks.ts";

/** When a message or call comes to its end: at its n-th fetch, or so many milliseconds after creation. */
export type SettleAfter = { readonly fetches: number } | { readonly ms: number };

/** What one category of usage has added up to on one day. */
export interface UsageTotals {
  count: number;
  usage: number;
  /** Millionths of USD. */
  priceMicros: number;
}

/** The categories of usage that the fake knows, with their units. */
export const USAGE_CATEGORIES = {
  sms: { description: "SMS", countUnit: "messages", usageUnit: "segments" },
  "sms-outbound": { description: "Outbound SMS", countUnit: "messages", usageUnit: "segments" },
  mms: { description: "MMS", countUnit: "messages", usageUnit: "messages" },
  "mms-outbound": { description: "Outbound MMS", countUnit: "messages", usageUnit: "messages" },
  calls: { description: "Voice Minutes", countUnit: "calls", usageUnit: "minutes" },
  "calls-outbound": { description: "Outbound Voice Minutes", countUnit: "calls", usageUnit: "minutes" },
  phonenumbers: { description: "Phone Numbers", countUnit: "numbers", usageUnit: "numbers" },
  lookups: { description: "Lookups", countUnit: "lookups", usageUnit: "lookups" },
  "verify-verifications": {
    description: "Verifications",
    countUnit: "verifications",
    usageUnit: "verifications",
  },
  totalprice: { description: "Total Price", countUnit: "usd", usageUnit: "usd" },
} as const;

/** The name of a category of usage. */
export type UsageCategory = keyof typeof USAGE_CATEGORIES;

/** Settings of the account that calls need. */
export interface TwilioSettings {
  readonly accountSid: string;
  readonly authToken: string;
  readonly settleAfter: SettleAfter;
  readonly callSeconds: number;
  readonly verificationCode: string;
  readonly objectsMax: number;
  /** The numbers that the account holds at the start. */
  readonly phoneNumbers: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const DAYS_MAX = 400;

/** Everything that the one Twilio account behind the fake holds. */
export class TwilioAccount {
  readonly settings: TwilioSettings;
  readonly callbacks: StatusCallbacks;
  readonly messages: ObjectStore<Message>;
  readonly media: ObjectStore<Media>;
  readonly calls: ObjectStore<PhoneCall>;
  readonly phoneNumbers: ObjectStore<PhoneNumber>;
  readonly verifyServices: ObjectStore<ServiceRecord>;
  readonly messagingServices: ObjectStore<ServiceRecord>;
  readonly verifications: ObjectStore<Verification>;
  readonly openedAt: number;
  writes = 0;
  readonly #usage = new Map<string, Map<UsageCategory, UsageTotals>>();

  constructor(settings: TwilioSettings, callbacks: StatusCallbacks) {
    this.settings = settings;
    this.callbacks = callbacks;
    this.openedAt = settings.now();
    const onWrite = (): void => {
      this.writes += 1;
    };
    this.messages = new ObjectStore(settings.objectsMax, onWrite);
    this.media = new ObjectStore(settings.objectsMax, onWrite);
    this.calls = new ObjectStore(settings.objectsMax, onWrite);
    this.phoneNumbers = new ObjectStore(settings.objectsMax, onWrite);
    this.verifyServices = new ObjectStore(settings.objectsMax, onWrite);
    this.messagingServices = new ObjectStore(settings.objectsMax, onWrite);
    this.verifications = new ObjectStore(settings.objectsMax, onWrite);
  }

  get now(): number {
    return this.settings.now();
  }

  /** Whether the account may send and call from this number. */
  owns(number: string): boolean {
    if (this.settings.phoneNumbers.includes(number)) return true;
    return this.phoneNumbers.list().some(({ phoneNumber }) => phoneNumber === number);
  }

  /** Adds to today's usage of the categories, and to the total price. */
  bill(categories: readonly UsageCategory[], usage: number, priceMicros: number): void {
    this.writes += 1;
    const day = dayOf(this.now);
    const totals = this.#usage.get(day) ?? new Map<UsageCategory, UsageTotals>();
    this.#usage.set(day, totals);
    const oldest = this.#usage.keys().next();
    if (this.#usage.size > DAYS_MAX && oldest.done !== true) this.#usage.delete(oldest.value);
    for (const category of categories) add(totals, category, { count: 1, usage, priceMicros });
    // INVARIANT: the unit of the total is money itself.
    add(totals, "totalprice", { count: priceMicros / 1e6, usage: priceMicros / 1e6, priceMicros });
  }

  /** The usage of the days from `start` to `end` (inclusive, `2026-11-23`), added up. */
  usage(start: string, end: string): ReadonlyMap<UsageCategory, UsageTotals> {
    const sum = new Map<UsageCategory, UsageTotals>();
    for (const [day, totals] of this.#usage) {
      if (day < start || day > end) continue;
      for (const [category, part] of totals) add(sum, category, part);
    }
    return sum;
  }

  /** The days on which anything was used, newest first. */
  usageDays(): readonly string[] {
    return [...this.#usage.keys()].sort().reverse();
  }
}

function add(totals: Map<UsageCategory, UsageTotals>, category: UsageCategory, part: UsageTotals): void {
  const entry = totals.get(category) ?? { count: 0, usage: 0, priceMicros: 0 };
  entry.count += part.count;
  entry.usage += part.usage;
  entry.priceMicros += part.priceMicros;
  totals.set(category, entry);
}
