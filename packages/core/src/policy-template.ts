import type { PolicyDocument } from "./policy.ts";

/** A policy to start from. */
export interface PolicyTemplate {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** An agent that it suits. */
  readonly agentId: string;
  readonly policy: PolicyDocument;
}

/** The crew of three of the documentation and of the first start: one charges, one refunds, one notifies. */
export const POLICY_TEMPLATES = [
  {
    name: "stripe-billing",
    title: "Billing agent",
    description:
      "Charges through payment intents and looks customers up: at most 10,000 dollars a day, for a day.",
    agentId: "billing_agent",
    policy: {
      vendor: "stripe",
      daily_usd_cap: 10000,
      allowed_endpoints: ["POST /v1/payment_intents", "GET /v1/customers/*"],
      expires_in: "24h",
    },
  },
  {
    name: "stripe-refund",
    title: "Refund agent",
    description: "Refunds and nothing else: at most 2,000 dollars a day, for a shift of eight hours.",
    agentId: "refund_agent",
    policy: {
      vendor: "stripe",
      daily_usd_cap: 2000,
      allowed_endpoints: ["POST /v1/refunds"],
      expires_in: "8h",
    },
  },
  {
    name: "twilio-notification",
    title: "Notification agent, text messages",
    description:
      "Sends text messages to numbers in the United States and Canada: at most 20 dollars a day, for a day.",
    agentId: "notification_agent",
    policy: {
      vendor: "twilio",
      daily_usd_cap: 20,
      allowed_endpoints: ["POST /2010-04-01/Accounts/*/Messages.json"],
      expires_in: "24h",
      twilio: { allowed_countries: ["US", "CA"] },
    },
  },
  {
    name: "resend-notification",
    title: "Notification agent, mail",
    description: "Sends mail: at most 5 dollars a day, for a day.",
    agentId: "notification_agent",
    policy: {
      vendor: "resend",
      daily_usd_cap: 5,
      allowed_endpoints: ["POST /emails"],
      expires_in: "24h",
    },
  },
] satisfies readonly PolicyTemplate[];
