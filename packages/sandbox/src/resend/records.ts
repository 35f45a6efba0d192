/** The states of an email that the fake knows. */
export type EmailEvent =
  | "scheduled"
  | "sent"
  | "delivered"
  | "bounced"
  | "complained"
  | "suppressed"
  | "canceled";

/** A tag of an email. */
export interface Tag {
  readonly name: string;
  readonly value: string;
}

/** An email as the fake keeps it. Times in milliseconds since 1970. */
export interface Email {
  readonly id: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  readonly replyTo: readonly string[];
  readonly subject: string;
  readonly html: string | null;
  readonly text: string | null;
  readonly tags: readonly Tag[];
  readonly lastEvent: EmailEvent;
  readonly scheduledAt: number | null;
  readonly createdAt: number;
}

/** A domain to send from. */
export interface Domain {
  readonly id: string;
  readonly name: string;
  readonly status: "not_started" | "verified";
  readonly region: string;
  readonly createdAt: number;
}

/** An API key that was made through the API. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly permission: "full_access" | "sending_access";
  readonly createdAt: number;
}

/** A webhook. The fake never calls it. */
export interface Webhook {
  readonly id: string;
  readonly endpoint: string;
  readonly events: readonly string[];
  readonly status: string;
  readonly signingSecret: string;
  readonly createdAt: number;
}

/** A segment; the older name is audience. */
export interface Segment {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
}

/** A contact. */
export interface Contact {
  readonly id: string;
  readonly email: string;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly isUnsubscribed: boolean;
  readonly segmentIds: readonly string[];
  readonly createdAt: number;
}

/** A broadcast. */
export interface Broadcast {
  readonly id: string;
  readonly name: string | null;
  readonly segmentId: string;
  readonly from: string;
  readonly subject: string;
  readonly replyTo: readonly string[];
  readonly previewText: string | null;
  readonly html: string | null;
  readonly text: string | null;
  readonly status: "draft" | "scheduled" | "sent";
  readonly scheduledAt: number | null;
  readonly sentAt: number | null;
  readonly createdAt: number;
}
