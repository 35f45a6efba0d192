import { ObjectStore } from "../object-store.ts";
import type { ApiKey, Broadcast, Contact, Domain, Email, Segment, Webhook } from "./records.ts";

/** What has been sent. Every recipient in to, cc and bcc counts, as on Resend's bill. */
export interface SentTotals {
  emails: number;
  recipients: number;
  /** Contacts that broadcasts went to; Resend bills them by contact, not by email. */
  broadcastRecipients: number;
}

/** Everything that the one Resend team behind the fake holds. */
export class ResendAccount {
  readonly emails: ObjectStore<Email>;
  readonly domains: ObjectStore<Domain>;
  readonly apiKeys: ObjectStore<ApiKey>;
  readonly webhooks: ObjectStore<Webhook>;
  readonly segments: ObjectStore<Segment>;
  readonly contacts: ObjectStore<Contact>;
  readonly broadcasts: ObjectStore<Broadcast>;
  readonly totals: SentTotals = { emails: 0, recipients: 0, broadcastRecipients: 0 };
  writes = 0;
  readonly #verifiedDomains: ReadonlySet<string> | null;
  readonly #now: () => number;

  /** `verifiedDomains` null lets every domain send. */
  constructor(objectsMax: number, verifiedDomains: ReadonlySet<string> | null, now: () => number) {
    const onWrite = (): void => {
      this.writes += 1;
    };
    this.emails = new ObjectStore(objectsMax, onWrite);
    this.domains = new ObjectStore(objectsMax, onWrite);
    this.apiKeys = new ObjectStore(objectsMax, onWrite);
    this.webhooks = new ObjectStore(objectsMax, onWrite);
    this.segments = new ObjectStore(objectsMax, onWrite);
    this.contacts = new ObjectStore(objectsMax, onWrite);
    this.broadcasts = new ObjectStore(objectsMax, onWrite);
    this.#verifiedDomains = verifiedDomains;
    this.#now = now;
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return this.#now();
  }

  /** Whether mail may be sent from the domain: verified at the start, or through the API since. */
  maySendFrom(domain: string): boolean {
    if (this.#verifiedDomains === null || this.#verifiedDomains.has(domain)) return true;
    return this.domains.list().some(({ name, status }) => name === domain && status === "verified");
  }
}
