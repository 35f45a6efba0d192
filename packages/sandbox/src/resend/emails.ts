import type { ResendAccount } from "./account.ts";
import { checkEmail } from "./email-input.ts";
import { invalid, missing, noSuch, ResendError } from "./error.ts";
import { fieldsOf, futureTime } from "./fields.ts";
import { checkPaging, pageOf } from "./listing.ts";
import { ok, type ResendCall, type ResendOperation, timeText } from "./operation.ts";
import type { Email, EmailEvent } from "./records.ts";

const BATCH_MAX = 100;

const createEmail: ResendOperation = ({ account, body }) => {
  const email = checkEmail(account, body);
  return () => ok({ id: keep(account, email).id });
};

const createBatch: ResendOperation = ({ account, body, isPermissive }) => {
  if (!Array.isArray(body)) throw invalid("The request body must be a list of emails.");
  if (body.length === 0) throw missing("emails");
  if (body.length > BATCH_MAX) throw invalid(`A batch takes at most ${BATCH_MAX} emails.`);
  const emails: Email[] = [];
  const errors: { index: number; message: string }[] = [];
  for (const [index, item] of body.entries()) {
    try {
      const email = checkEmail(account, item);
      if (email.scheduledAt !== null) throw invalid("`scheduled_at` is not supported in a batch.");
      emails.push(email);
    } catch (error) {
      // Strict takes all or nothing; permissive sends what is right and tells of the rest.
      if (!isPermissive || !(error instanceof ResendError)) throw error;
      errors.push({ index, message: error.message });
    }
  }
  return () => {
    const data = emails.map((email) => ({ id: keep(account, email).id }));
    return ok(isPermissive ? { data, errors } : { data });
  };
};

const retrieveEmail: ResendOperation = (call) => {
  const email = find(call);
  return () => ok(rendered(refresh(call.account, email)));
};

const listEmails: ResendOperation = (call) => {
  const { account } = call;
  checkPaging(call);
  return () => pageOf(call, account.emails.newestFirst(), (email) => envelope(refresh(account, email)));
};

const updateEmail: ResendOperation = (call) => {
  const { account, body } = call;
  const email = requireScheduled(call);
  const scheduledAt = futureTime(fieldsOf(body), "scheduled_at", account.now);
  if (scheduledAt === null) throw missing("scheduled_at");
  return () => {
    account.emails.put(email.id, { ...email, scheduledAt });
    return ok({ object: "email", id: email.id });
  };
};

const cancelEmail: ResendOperation = (call) => {
  const { account } = call;
  const email = requireScheduled(call);
  return () => {
    account.emails.put(email.id, { ...email, lastEvent: "canceled" });
    return ok({ object: "email", id: email.id });
  };
};

/** Keeps and counts an email. A scheduled one counts at once, as on the bill, and keeps counting when canceled. */
function keep(account: ResendAccount, email: Email): Email {
  account.totals.emails += 1;
  account.totals.recipients += email.to.length + email.cc.length + email.bcc.length;
  return account.emails.put(email.id, email);
}

/** What has become of the email: a read finds it arrived, and Resend's test addresses have their own fate. */
function refresh(account: ResendAccount, email: Email): Email {
  if (email.lastEvent === "scheduled" && account.now < (email.scheduledAt ?? 0)) return email;
  if (email.lastEvent !== "sent" && email.lastEvent !== "scheduled") return email;
  return account.emails.put(email.id, { ...email, lastEvent: fateOf(email.to[0] ?? "") });
}

function fateOf(to: string): EmailEvent {
  const [, fate] = /(?:^|<)(bounced|complained|suppressed)(?:\+[^@]*)?@resend\.dev>?$/.exec(to) ?? [];
  return fate === "bounced" || fate === "complained" || fate === "suppressed" ? fate : "delivered";
}

function find({ account, ids }: ResendCall): Email {
  const email = account.emails.get(ids[0] ?? "");
  if (email === undefined) throw noSuch("Email");
  return email;
}

function requireScheduled(call: ResendCall): Email {
  const email = find(call);
  if (email.lastEvent === "scheduled" && call.account.now < (email.scheduledAt ?? 0)) return email;
  throw invalid("Email can no longer be changed: it is not scheduled.");
}

function rendered(email: Email): object {
  return {
    object: "email",
    ...envelope(email),
    html: email.html,
    text: email.text,
    tags: email.tags,
  };
}

/** An email without its content, as lists show it. */
function envelope(email: Email): object {
  return {
    id: email.id,
    message_id: `<${email.id}@sandbox.invalid>`,
    to: email.to,
    from: email.from,
    created_at: timeText(email.createdAt),
    subject: email.subject,
    bcc: email.bcc,
    cc: email.cc,
    reply_to: email.replyTo,
    last_event: email.lastEvent,
    scheduled_at: email.scheduledAt === null ? null : timeText(email.scheduledAt),
  };
}

/** What can be done with emails. */
export const EMAIL_ROUTES: Readonly<Record<string, ResendOperation>> = {
  "POST /emails": createEmail,
  "POST /emails/batch": createBatch,
  "GET /emails": listEmails,
  "GET /emails/{}": retrieveEmail,
  "PATCH /emails/{}": updateEmail,
  "POST /emails/{}/cancel": cancelEmail,
};
