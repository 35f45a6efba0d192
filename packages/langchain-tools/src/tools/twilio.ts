import { z } from "zod";
import type { Parameters } from "../request-encoding.ts";
import type { ToolSpec } from "../tool-spec.ts";

const phone = (what: string) =>
  z
    .string()
    .regex(/^\+[1-9][0-9]{6,14}$/)
    .describe(`${what}, in E.164 form: \`+14155552671\``);
const serviceSid = z.string().describe("SID of the Verify service, `VA…`");

/** Messages, verifications and look-ups. */
export const TWILIO_TOOLS: readonly ToolSpec[] = [
  {
    name: "twilio_send_sms",
    vendor: "twilio",
    operation: "messages.create",
    description:
      "Sends a text message. It costs by country and by segment: 160 characters, or 70 when one of them is outside of the GSM alphabet (an emoji, most scripts).",
    schema: z
      .strictObject({
        to: phone("the recipient's number"),
        body: z.string().min(1).max(1_600).describe("the text"),
        from: phone("your own number").optional(),
        messaging_service_sid: z
          .string()
          .optional()
          .describe("SID of a messaging service, `MG…`, instead of `from`"),
      })
      .refine(
        (args) => (args.from === undefined) !== (args.messaging_service_sid === undefined),
        "give `from` or `messaging_service_sid`, one of the two",
      ),
    toParameters: ({ to, body, from, messaging_service_sid }) => ({
      To: to,
      Body: body,
      From: from,
      MessagingServiceSid: messaging_service_sid,
    }),
  },
  {
    name: "twilio_send_whatsapp",
    vendor: "twilio",
    operation: "messages.create",
    description:
      "Sends a WhatsApp message: a text within 24 hours after the recipient wrote, an approved template (`content_sid`) at any time.",
    schema: z
      .strictObject({
        to: phone("the recipient's number"),
        from: phone("your own WhatsApp number"),
        body: z.string().min(1).max(1_600).optional().describe("the text"),
        content_sid: z.string().optional().describe("SID of the template, `HX…`"),
        content_variables: z
          .record(z.string(), z.string())
          .optional()
          .describe('the values of the template\'s variables: `{"1": "Ada"}`'),
      })
      .refine(
        (args) => (args.body === undefined) !== (args.content_sid === undefined),
        "give `body` or `content_sid`, one of the two",
      ),
    toParameters: ({ to, from, body, content_sid, content_variables }) => ({
      To: `whatsapp:${String(to)}`,
      From: `whatsapp:${String(from)}`,
      Body: body,
      ContentSid: content_sid,
      ContentVariables: content_variables,
    }),
  },
  {
    name: "twilio_fetch_message",
    vendor: "twilio",
    operation: "messages.fetch",
    description: "Reads one message: its status, and its price once Twilio knows it.",
    schema: z.strictObject({ message_sid: z.string().describe("SID of the message, `SM…`") }),
    toParameters: ({ message_sid }) => ({ Sid: message_sid }),
  },
  {
    name: "twilio_start_verification",
    vendor: "twilio",
    operation: "verify.verifications.create",
    description: "Sends somebody a code, to verify that a number or an address is theirs.",
    schema: z.strictObject({
      service_sid: serviceSid,
      to: z.string().describe("a number in E.164 form, or an email address when the channel is email"),
      channel: z.enum(["sms", "call", "whatsapp", "email"]),
    }),
    toParameters: ({ service_sid, to, channel }) => ({ ServiceSid: service_sid, To: to, Channel: channel }),
  },
  {
    name: "twilio_check_verification",
    vendor: "twilio",
    operation: "verify.verification_checks.create",
    description: "Checks the code that somebody got: status `approved` when it is right.",
    schema: z.strictObject({
      service_sid: serviceSid,
      to: z.string().describe("the number or address that the code was sent to"),
      code: z.string().regex(/^[0-9]{4,10}$/),
    }),
    toParameters: ({ service_sid, to, code }) => ({ ServiceSid: service_sid, To: to, Code: code }),
  },
  {
    name: "twilio_lookup_phone_number",
    vendor: "twilio",
    operation: "lookups.phone_numbers.fetch",
    description: "Looks a phone number up: whether it is valid and its country; each further field costs.",
    schema: z.strictObject({
      phone_number: phone("the number"),
      fields: z
        .array(z.enum(["line_type_intelligence", "caller_name", "sim_swap", "sms_pumping_risk"]))
        .optional(),
    }),
    toParameters: ({ phone_number, fields }): Parameters => ({
      PhoneNumber: phone_number,
      Fields: Array.isArray(fields) && fields.length > 0 ? fields.join(",") : undefined,
    }),
  },
];
