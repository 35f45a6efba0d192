import { randomUUID } from "node:crypto";
import { addressOf } from "./email-input.ts";
import { invalid, noSuch } from "./error.ts";
import { type Fields, fieldsOf, flag, requiredText, text } from "./fields.ts";
import { checkPaging, pageOf } from "./listing.ts";
import { created, ok, type ResendCall, type ResendOperation, timeText } from "./operation.ts";
import type { Contact } from "./records.ts";
import { findSegment } from "./segments.ts";

/** `inAudience`: the path names the audience first. */
function createContact(inAudience: boolean): ResendOperation {
  return (call) => {
    const { account, body, ids } = call;
    const fields = fieldsOf(body);
    const email = requiredText(fields, "email");
    if (addressOf(email) !== email) throw invalid("Invalid `email` field.");
    const segmentIds = inAudience ? [ids[0] ?? ""] : segmentsIn(fields);
    for (const id of segmentIds) findSegment(call, id);
    const names = { firstName: text(fields, "first_name"), lastName: text(fields, "last_name") };
    const isUnsubscribed = flag(fields, "unsubscribed", false);
    return () => {
      const contact = {
        id: randomUUID(),
        email,
        ...names,
        isUnsubscribed,
        segmentIds,
        createdAt: account.now,
      };
      account.contacts.put(contact.id, contact);
      return created({ object: "contact", id: contact.id });
    };
  };
}

function segmentsIn(fields: Fields): readonly string[] {
  const audience = text(fields, "audience_id");
  const segments = fields["segments"] ?? [];
  if (!Array.isArray(segments)) throw invalid("Invalid `segments` field. It must be a list.");
  const ids = segments.map((entry: unknown) =>
    typeof entry === "string" ? entry : requiredText(fieldsOf(entry), "id"),
  );
  return audience === null ? ids : [audience, ...ids];
}

function listContacts(inAudience: boolean): ResendOperation {
  return (call) => {
    checkPaging(call);
    const segmentId = inAudience ? (call.ids[0] ?? "") : call.query.get("segment_id");
    return () => {
      const all = call.account.contacts
        .newestFirst()
        .filter(({ segmentIds }) => segmentId === null || segmentIds.includes(segmentId));
      return pageOf(call, all, rendered);
    };
  };
}

function retrieveContact(inAudience: boolean): ResendOperation {
  return (call) => {
    const contact = find(call, inAudience);
    return () => ok({ object: "contact", ...rendered(contact) });
  };
}

function updateContact(inAudience: boolean): ResendOperation {
  return (call) => {
    const contact = find(call, inAudience);
    const fields = fieldsOf(call.body);
    const isUnsubscribed = flag(fields, "unsubscribed", contact.isUnsubscribed);
    const firstName = text(fields, "first_name") ?? contact.firstName;
    const lastName = text(fields, "last_name") ?? contact.lastName;
    return () => {
      call.account.contacts.put(contact.id, { ...contact, firstName, lastName, isUnsubscribed });
      return ok({ object: "contact", id: contact.id });
    };
  };
}

function deleteContact(inAudience: boolean): ResendOperation {
  return (call) => {
    const { id } = find(call, inAudience);
    return () => {
      call.account.contacts.delete(id);
      return ok({ object: "contact", id, deleted: true });
    };
  };
}

/** By id or by address. */
function find({ account, ids }: ResendCall, inAudience: boolean): Contact {
  const key = ids[inAudience ? 1 : 0] ?? "";
  const contact = account.contacts.get(key) ?? account.contacts.list().find(({ email }) => email === key);
  if (contact === undefined) throw noSuch("Contact");
  return contact;
}

function rendered({ id, email, firstName, lastName, isUnsubscribed, createdAt }: Contact): object {
  return {
    id,
    email,
    first_name: firstName,
    last_name: lastName,
    created_at: timeText(createdAt),
    unsubscribed: isUnsubscribed,
  };
}

function routesOf(base: string, inAudience: boolean): Readonly<Record<string, ResendOperation>> {
  return {
    [`POST ${base}`]: createContact(inAudience),
    [`GET ${base}`]: listContacts(inAudience),
    [`GET ${base}/{}`]: retrieveContact(inAudience),
    [`PATCH ${base}/{}`]: updateContact(inAudience),
    [`DELETE ${base}/{}`]: deleteContact(inAudience),
  };
}

/** What can be done with contacts. */
export const CONTACT_ROUTES: Readonly<Record<string, ResendOperation>> = {
  ...routesOf("/contacts", false),
  ...routesOf("/audiences/{}/contacts", true),
  ...routesOf("/segments/{}/contacts", true),
};
