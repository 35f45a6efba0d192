import { z } from "zod";
import type { ToolSpec } from "../tool-spec.ts";

const address = z.string().min(3).describe("`ada@example.com` or `Ada <ada@example.com>`");
const addresses = z.array(address).min(1).max(50);

const mail = z.strictObject({
  from: address.describe("the sender, on a domain that is verified at Resend"),
  to: addresses.describe("the recipients; each one costs"),
  cc: addresses.optional(),
  bcc: addresses.optional(),
  reply_to: addresses.optional(),
  subject: z.string().min(1),
  text: z.string().optional().describe("the body as plain text"),
  html: z.string().optional().describe("the body as HTML"),
});
const hasBody = (mail: { text?: string | undefined; html?: string | undefined }) =>
  mail.text !== undefined || mail.html !== undefined;
const BODY_MISSING = "give `text` or `html`, or both";

/** Email. */
export const RESEND_TOOLS: readonly ToolSpec[] = [
  {
    name: "resend_send_email",
    vendor: "resend",
    operation: "emails.send",
    description: "Sends an email. Every recipient costs, also in cc and bcc.",
    schema: mail
      .extend({
        scheduled_at: z.iso
          .datetime({ offset: true })
          .optional()
          .describe("when to send it, ISO 8601; at once when absent"),
      })
      .refine(hasBody, BODY_MISSING),
  },
  {
    name: "resend_send_email_batch",
    vendor: "resend",
    operation: "emails.batch",
    description: "Sends up to 100 different emails at once. Every recipient of each costs.",
    schema: z.strictObject({ emails: z.array(mail.refine(hasBody, BODY_MISSING)).min(1).max(100) }),
  },
  {
    name: "resend_retrieve_email",
    vendor: "resend",
    operation: "emails.get",
    description: "Reads one sent email: its recipients and what became of it.",
    schema: z.strictObject({
      email: z.string().describe("id of the email, as the answer to sending gave it"),
    }),
  },
];
