import { randomUUID } from "node:crypto";
import type { ResendAccount } from "./account.ts";
import { invalid, missing, ResendError } from "./error.ts";
import { type Fields, fieldsOf, futureTime, requiredText, text, texts } from "./fields.ts";
import type { Email, Tag } from "./records.ts";

const RECIPIENTS_MAX = 50;
const TAG = /^[A-Za-z0-9_-]{1,256}$/;
const ADDRESS = /^[^\s@<>]+@([^\s@<>]+\.[^\s@<>]+)$/;
const NAMED_ADDRESS = /^[^<>]*<([^<>]+)>$/;

/** Checks the body of one email. Throws Resend's 403 and 422. */
export function checkEmail(account: ResendAccount, body: unknown): Email {
  const fields = fieldsOf(body);
  const from = requiredText(fields, "from");
  const to = recipients(fields, "to");
  if (to.length === 0) throw missing("to");
  if (to.length > RECIPIENTS_MAX) {
    throw invalid(`Too many recipients in the \`to\` field. It takes at most ${RECIPIENTS_MAX}.`);
  }
  const html = text(fields, "html");
  const plain = text(fields, "text");
  const isTemplate = fields["template"] !== undefined && fields["template"] !== null;
  const subject = isTemplate ? (text(fields, "subject") ?? "") : requiredText(fields, "subject");
  if (html === null && plain === null && !isTemplate) {
    throw new ResendError(422, "missing_required_field", "Missing `html` or `text` field.");
  }
  checkSendingDomain(account, from);
  const scheduledAt = futureTime(fields, "scheduled_at", account.now);
  return {
    id: randomUUID(),
    from,
    to,
    cc: recipients(fields, "cc"),
    bcc: recipients(fields, "bcc"),
    replyTo: recipients(fields, "reply_to"),
    subject,
    html,
    text: plain,
    tags: tagsOf(fields),
    lastEvent: scheduledAt === null ? "sent" : "scheduled",
    scheduledAt,
    createdAt: account.now,
  };
}

/** The bare address in `Name <address>`; null when there is none. */
export function addressOf(value: string): string | null {
  const address = NAMED_ADDRESS.exec(value)?.[1] ?? value;
  return ADDRESS.test(address) ? address : null;
}

/** Throws Resend's 403 unless the sender's domain is verified, and 422 for a sender that is no address. */
export function checkSendingDomain(account: ResendAccount, from: string): void {
  const domain = addressOf(from)?.split("@")[1];
  if (domain === undefined) throw badAddress("from");
  if (account.maySendFrom(domain.toLowerCase())) return;
  throw new ResendError(
    403,
    "validation_error",
    `The ${domain} domain is not verified. Please, add and verify your domain on https://resend.com/domains`,
  );
}

function recipients(fields: Fields, name: string): readonly string[] {
  const list = texts(fields, name);
  if (list.some((value) => addressOf(value) === null)) throw badAddress(name);
  return list;
}

function badAddress(name: string): ResendError {
  return invalid(
    `Invalid \`${name}\` field. The email address needs to follow the \`email@example.com\` or ` +
      "`Name <email@example.com>` format.",
  );
}

function tagsOf(fields: Fields): readonly Tag[] {
  const tags = fields["tags"];
  if (tags === undefined || tags === null) return [];
  if (!Array.isArray(tags)) throw invalid("Invalid `tags` field. It must be a list.");
  return tags.map((tag: unknown) => {
    const { name, value } = fieldsOf(tag);
    if (typeof name === "string" && TAG.test(name) && typeof value === "string" && TAG.test(value)) {
      return { name, value };
    }
    throw invalid(
      "Tags should only contain ASCII letters, numbers, underscores, or dashes, and at most 256 characters.",
    );
  });
}
