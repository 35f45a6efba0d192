import { RestCall } from "../rest-call.ts";
import { openSandboxServer, type SandboxOptions, type SandboxServer } from "../server.ts";
import type { FakeVendor, VendorAnswer, VendorCall, VendorRequest } from "../vendor.ts";
import { type SettleAfter, TwilioAccount, type UsageTotals } from "./account.ts";
import { settleCall } from "./calls.ts";
import { TwilioError } from "./error.ts";
import { TwilioHouse } from "./house.ts";
import { settleMessage } from "./message-life.ts";
import type { Media, Message, PhoneCall, PhoneNumber, ServiceRecord, Verification } from "./records.ts";
import { newSid } from "./sids.ts";
import { type DeliveredCallback, StatusCallbacks } from "./status-callbacks.ts";

/** What the fake Twilio accepts, and how fast it is. */
export interface FakeTwilioOptions extends SandboxOptions {
  /** Default `AC` and 31 zeros and a one. */
  readonly accountSid?: string;
  /** Default `sandbox-auth-token`. */
  readonly authToken?: string;
  /** Secrets by the SID of their API key (`SK…`), accepted besides the auth token. Default none. */
  readonly apiKeys?: Readonly<Record<string, string>>;
  /** The numbers that the account holds at the start. Default +15005550006. */
  readonly phoneNumbers?: readonly string[];
  /** When messages and calls end and get their price. Default `{ fetches: 2 }`: at their second fetch. */
  readonly settleAfter?: SettleAfter;
  /** How long a call lasts unless its TimeLimit is shorter, in seconds. Default 30. */
  readonly callSeconds?: number;
  /** The code of every verification. Default 123456. */
  readonly verificationCode?: string;
  /** How many objects of each kind are kept; the oldest are forgotten. Default 100,000. */
  readonly objectsMax?: number;
}

/** Everything that the fake holds, by kind, oldest first. */
export interface TwilioObjects {
  readonly messages: readonly Message[];
  readonly media: readonly Media[];
  readonly calls: readonly PhoneCall[];
  readonly phoneNumbers: readonly PhoneNumber[];
  readonly verifyServices: readonly ServiceRecord[];
  readonly messagingServices: readonly ServiceRecord[];
  readonly verifications: readonly Verification[];
}

/** A running fake Twilio. */
export interface FakeTwilio extends SandboxServer {
  readonly accountSid: string;
  readonly authToken: string;
  /** What has been billed since the start, by usage category; `totalprice` is the sum. */
  money(): Readonly<Record<string, UsageTotals>>;
  objects(): TwilioObjects;
  /** The status callbacks, posted or not, oldest first. */
  callbacks(): readonly DeliveredCallback[];
  /** Ends every open message and call now. */
  settle(): void;
}

const ACCOUNT_SID = `AC${"0".repeat(31)}1`;
const AUTH_TOKEN = "sandbox-auth-token";
const OBJECTS_MAX = 100_000;
const SETTLE_TICK_MS = 100;

/** Starts a stateful fake of Twilio's API. Rejects when the port cannot be had. */
export async function openFakeTwilio(options: FakeTwilioOptions = {}): Promise<FakeTwilio> {
  const vendor = new FakeTwilioVendor(options);
  const server = await openSandboxServer(vendor, options);
  vendor.start();
  return Object.assign(server, {
    accountSid: options.accountSid ?? ACCOUNT_SID,
    authToken: options.authToken ?? AUTH_TOKEN,
    money: () => vendor.money(),
    objects: () => vendor.objects(),
    callbacks: () => vendor.callbacks(),
    settle: () => void vendor.settle(),
  });
}

class FakeTwilioVendor implements FakeVendor {
  readonly #options: FakeTwilioOptions;
  #house: TwilioHouse;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: FakeTwilioOptions) {
    this.#options = options;
    this.#house = this.#newHouse();
  }

  /** With a time to settle, callbacks come without anybody asking for the message. */
  start(): void {
    const { settleAfter } = this.#options;
    if (settleAfter === undefined || !("ms" in settleAfter)) return;
    const { ms } = settleAfter;
    this.#timer = setInterval(() => this.#settleBefore(this.#house.account.now - ms), SETTLE_TICK_MS);
    this.#timer.unref();
  }

  begin(request: VendorRequest): VendorCall {
    return new RestCall(this.#house, request);
  }

  unreadable(status: 400 | 413, message: string): VendorAnswer {
    const error = new TwilioError(status, 20001, `Invalid request: ${message}`);
    const headers = ["Content-Type", "application/json", ...this.#house.headers(newSid("RQ"))];
    return { status, headers, body: JSON.stringify(error.content()) };
  }

  money(): Readonly<Record<string, UsageTotals>> {
    return Object.fromEntries(this.#house.account.usage("0000-00-00", "9999-99-99"));
  }

  objects(): TwilioObjects {
    const { account } = this.#house;
    return {
      messages: account.messages.list(),
      media: account.media.list(),
      calls: account.calls.list(),
      phoneNumbers: account.phoneNumbers.list(),
      verifyServices: account.verifyServices.list(),
      messagingServices: account.messagingServices.list(),
      verifications: account.verifications.list(),
    };
  }

  callbacks(): readonly DeliveredCallback[] {
    return this.#house.account.callbacks.list();
  }

  settle(): object {
    this.#settleBefore(Number.POSITIVE_INFINITY);
    return {};
  }

  reset(): void {
    this.#house.account.callbacks.close();
    this.#house = this.#newHouse();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#house.account.callbacks.close();
  }

  #settleBefore(createdAtMax: number): void {
    const { account } = this.#house;
    for (const message of account.messages.list()) {
      if ((message.sendAt ?? message.createdAt) <= createdAtMax) settleMessage(account, message);
    }
    for (const call of account.calls.list()) {
      if (call.createdAt <= createdAtMax) settleCall(account, call);
    }
  }

  #newHouse(): TwilioHouse {
    const { accountSid = ACCOUNT_SID, authToken = AUTH_TOKEN, apiKeys = {} } = this.#options;
    const settings = {
      accountSid,
      authToken,
      settleAfter: this.#options.settleAfter ?? { fetches: 2 },
      callSeconds: this.#options.callSeconds ?? 30,
      verificationCode: this.#options.verificationCode ?? "123456",
      objectsMax: this.#options.objectsMax ?? OBJECTS_MAX,
      phoneNumbers: this.#options.phoneNumbers ?? ["+15005550006"],
      now: this.#options.now ?? Date.now,
    };
    const account = new TwilioAccount(settings, new StatusCallbacks(authToken));
    return new TwilioHouse(account, { accountSid, authToken, apiKeys });
  }
}
