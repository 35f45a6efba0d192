/** A message as the fake keeps it. Times in milliseconds since 1970. */
export interface Message {
  readonly sid: string;
  readonly to: string;
  readonly from: string | null;
  readonly body: string;
  readonly mediaUrls: readonly string[];
  readonly messagingServiceSid: string | null;
  readonly status: MessageStatus;
  /** The segments that will be billed; the answer says 0 while a messaging service has not chosen a sender. */
  readonly segments: number;
  readonly costMicros: number;
  readonly isPriced: boolean;
  readonly errorCode: number | null;
  readonly statusCallback: string | null;
  readonly fetches: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly sentAt: number | null;
  readonly sendAt: number | null;
}

/** The states of an outgoing message. */
export type MessageStatus =
  | "accepted"
  | "scheduled"
  | "queued"
  | "sent"
  | "delivered"
  | "undelivered"
  | "failed"
  | "canceled";

/** A file of a message. */
export interface Media {
  readonly sid: string;
  readonly messageSid: string;
  readonly contentType: string;
  readonly createdAt: number;
}

/** A call as the fake keeps it. */
export interface PhoneCall {
  readonly sid: string;
  readonly to: string;
  readonly from: string;
  readonly status: "queued" | "in-progress" | "completed" | "busy" | "canceled";
  readonly timeLimitSeconds: number;
  readonly durationSeconds: number | null;
  readonly costMicros: number | null;
  readonly minuteMicros: number;
  readonly statusCallback: string | null;
  readonly fetches: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

/** A number that the account holds. */
export interface PhoneNumber {
  readonly sid: string;
  readonly phoneNumber: string;
  readonly friendlyName: string;
  readonly type: string;
  readonly smsUrl: string;
  readonly voiceUrl: string;
  readonly createdAt: number;
}

/** A Verify or a Messaging service. */
export interface ServiceRecord {
  readonly sid: string;
  readonly friendlyName: string;
  readonly codeLength: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A verification. */
export interface Verification {
  readonly sid: string;
  readonly serviceSid: string;
  readonly to: string;
  readonly channel: string;
  readonly status: "pending" | "approved" | "canceled";
  readonly code: string;
  readonly checks: number;
  readonly tags: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}
