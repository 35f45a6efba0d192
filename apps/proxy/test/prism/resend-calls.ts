import type { Resend } from "resend";

const ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
const OTHER = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d";
const MAIL = {
  from: "Billing <billing@crew.example>",
  to: ["ada@example.com", "bob@example.com"],
  subject: "Invoice",
  text: "Hello",
};
const STEPS = [
  { key: "start", type: "trigger" as const, config: { eventName: "user.created" } },
  { key: "wait", type: "delay" as const, config: { duration: "1 hour" } },
];
const CONNECTIONS = [{ from: "start", to: "wait" }];

/** What resend-node answers: an error is a value. */
interface Answered {
  readonly error: { readonly message: string } | null;
}

/** A call that a program writes, with what it is called there. */
export type ResendCall = readonly [name: string, make: (resend: Resend) => PromiseLike<Answered>];

const EMAILS: readonly ResendCall[] = [
  ["emails.send", ({ emails }) => emails.send(MAIL)],
  [
    "emails.send with everything",
    ({ emails }) =>
      emails.send(
        {
          ...MAIL,
          cc: "eve@example.com",
          bcc: ["dan@example.com"],
          replyTo: "crew@crew.example",
          html: "<p>Hello</p>",
          headers: { "X-Order": "7" },
          tags: [{ name: "order", value: "7" }],
          attachments: [{ filename: "a.txt", content: "aGVsbG8=" }],
          scheduledAt: "2030-01-01T00:00:00.000Z",
        },
        { idempotencyKey: "invoice-7" },
      ),
  ],
  ["batch.send", ({ batch }) => batch.send([MAIL, { ...MAIL, tags: [{ name: "order", value: "8" }] }])],
  ["emails.list", ({ emails }) => emails.list({ limit: 10 })],
  ["emails.get", ({ emails }) => emails.get(ID)],
  ["emails.update", ({ emails }) => emails.update({ id: ID, scheduledAt: "2030-01-01T00:00:00.000Z" })],
  ["emails.cancel", ({ emails }) => emails.cancel(ID)],
  ["emails.share", ({ emails }) => emails.share(ID)],
  ["emails.metrics", ({ emails }) => emails.metrics()],
  ["emails.attachments.list", ({ emails }) => emails.attachments.list({ emailId: ID })],
  ["emails.attachments.get", ({ emails }) => emails.attachments.get({ emailId: ID, id: OTHER })],
  ["emails.receiving.list", ({ emails }) => emails.receiving.list()],
  ["emails.receiving.get", ({ emails }) => emails.receiving.get(ID)],
  ["emails.receiving.attachments.list", ({ emails }) => emails.receiving.attachments.list({ emailId: ID })],
  [
    "emails.receiving.attachments.get",
    ({ emails }) => emails.receiving.attachments.get({ emailId: ID, id: OTHER }),
  ],
  ["domains.list", ({ domains }) => domains.list()],
  ["domains.get", ({ domains }) => domains.get(ID)],
  ["domains.claims.get", ({ domains }) => domains.claims.get(ID)],
  ["logs.list", ({ logs }) => logs.list()],
];

const CONTACTS: readonly ResendCall[] = [
  [
    "contacts.create",
    ({ contacts }) => contacts.create({ email: "ada@example.com", firstName: "Ada", unsubscribed: false }),
  ],
  ["contacts.list", ({ contacts }) => contacts.list()],
  ["contacts.get", ({ contacts }) => contacts.get({ id: ID })],
  ["contacts.update", ({ contacts }) => contacts.update({ id: ID, lastName: "Lovelace" })],
  ["contacts.remove", ({ contacts }) => contacts.remove({ id: ID })],
  ["contacts.segments.list", ({ contacts }) => contacts.segments.list({ contactId: ID })],
  ["contacts.segments.add", ({ contacts }) => contacts.segments.add({ contactId: ID, segmentId: OTHER })],
  [
    "contacts.segments.remove",
    ({ contacts }) => contacts.segments.remove({ contactId: ID, segmentId: OTHER }),
  ],
  ["contacts.topics.list", ({ contacts }) => contacts.topics.list({ id: ID })],
  [
    "contacts.topics.update",
    ({ contacts }) => contacts.topics.update({ id: ID, topics: [{ id: OTHER, subscription: "opt_in" }] }),
  ],
  [
    "contacts.imports.create",
    ({ contacts }) => contacts.imports.create({ file: new Blob(["email\nada@example.com\n"]) }),
  ],
  ["contacts.imports.list", ({ contacts }) => contacts.imports.list()],
  ["contacts.imports.get", ({ contacts }) => contacts.imports.get(ID)],
  [
    "contactProperties.create",
    ({ contactProperties }) =>
      contactProperties.create({ key: "plan", type: "string", fallbackValue: "free" }),
  ],
  ["contactProperties.list", ({ contactProperties }) => contactProperties.list()],
  ["contactProperties.get", ({ contactProperties }) => contactProperties.get(ID)],
  [
    "contactProperties.update",
    ({ contactProperties }) => contactProperties.update({ id: ID, fallbackValue: "x" }),
  ],
  ["contactProperties.remove", ({ contactProperties }) => contactProperties.remove(ID)],
  ["segments.create", ({ segments }) => segments.create({ name: "Customers" })],
  ["segments.list", ({ segments }) => segments.list()],
  ["segments.get", ({ segments }) => segments.get(ID)],
  ["segments.remove", ({ segments }) => segments.remove(ID)],
  ["topics.create", ({ topics }) => topics.create({ name: "News", defaultSubscription: "opt_out" })],
  ["topics.list", ({ topics }) => topics.list()],
  ["topics.get", ({ topics }) => topics.get(ID)],
  ["topics.update", ({ topics }) => topics.update({ id: ID, description: "Monthly" })],
  ["topics.remove", ({ topics }) => topics.remove(ID)],
  ["suppressions.add", ({ suppressions }) => suppressions.add({ email: "eve@example.com" })],
  ["suppressions.list", ({ suppressions }) => suppressions.list()],
  ["suppressions.get", ({ suppressions }) => suppressions.get("eve+news@example.com")],
  ["suppressions.remove", ({ suppressions }) => suppressions.remove(ID)],
  ["suppressions.batch.add", ({ suppressions }) => suppressions.batch.add({ emails: ["eve@example.com"] })],
  ["suppressions.batch.remove", ({ suppressions }) => suppressions.batch.remove({ ids: [ID] })],
];

const MARKETING: readonly ResendCall[] = [
  ["templates.create", ({ templates }) => templates.create({ name: "Invoice", html: "<p>{{{NAME}}}</p>" })],
  ["templates.list", ({ templates }) => templates.list()],
  ["templates.get", ({ templates }) => templates.get(ID)],
  ["templates.update", ({ templates }) => templates.update(ID, { subject: "Your invoice" })],
  ["templates.publish", ({ templates }) => templates.publish(ID)],
  ["templates.duplicate", ({ templates }) => templates.duplicate(ID)],
  ["templates.remove", ({ templates }) => templates.remove(ID)],
  [
    "broadcasts.create",
    ({ broadcasts }) =>
      broadcasts.create({
        segmentId: ID,
        from: MAIL.from,
        subject: "News",
        html: "<p>News</p>",
        name: "May",
      }),
  ],
  ["broadcasts.list", ({ broadcasts }) => broadcasts.list()],
  ["broadcasts.get", ({ broadcasts }) => broadcasts.get(ID)],
  ["broadcasts.update", ({ broadcasts }) => broadcasts.update(ID, { subject: "More news" })],
  ["broadcasts.send", ({ broadcasts }) => broadcasts.send(ID)],
  ["broadcasts.cancel", ({ broadcasts }) => broadcasts.cancel(ID)],
  ["broadcasts.recipients", ({ broadcasts }) => broadcasts.recipients(ID, { type: "delivered" })],
  ["broadcasts.clickedLinks", ({ broadcasts }) => broadcasts.clickedLinks(ID)],
  ["broadcasts.remove", ({ broadcasts }) => broadcasts.remove(ID)],
  ["events.create", ({ events }) => events.create({ name: "user.created", schema: { plan: "string" } })],
  ["events.list", ({ events }) => events.list()],
  ["events.get", ({ events }) => events.get(ID)],
  ["events.update", ({ events }) => events.update(ID, { schema: { plan: "string" } })],
  ["events.send", ({ events }) => events.send({ event: "user.created", email: "ada@example.com" })],
  ["events.remove", ({ events }) => events.remove(ID)],
  [
    "automations.create",
    ({ automations }) => automations.create({ name: "Welcome", steps: STEPS, connections: CONNECTIONS }),
  ],
  ["automations.list", ({ automations }) => automations.list()],
  ["automations.get", ({ automations }) => automations.get(ID)],
  ["automations.update", ({ automations }) => automations.update(ID, { status: "disabled" })],
  ["automations.duplicate", ({ automations }) => automations.duplicate(ID)],
  ["automations.stop", ({ automations }) => automations.stop(ID)],
  ["automations.remove", ({ automations }) => automations.remove(ID)],
  ["automations.runs.list", ({ automations }) => automations.runs.list({ automationId: ID })],
  ["automations.runs.get", ({ automations }) => automations.runs.get({ automationId: ID, runId: OTHER })],
];

/** Older endpoints that the SDK has no name for any more. */
const LEGACY: readonly ResendCall[] = [
  ["audiences.create", (resend) => resend.post("/audiences", { name: "Customers" })],
  ["audiences.list", (resend) => resend.get("/audiences")],
  ["audiences.get", (resend) => resend.get(`/audiences/${ID}`)],
  ["audiences.remove", (resend) => resend.delete(`/audiences/${ID}`)],
];

/** Every endpoint of Resend's description that a vault key can be allowed. */
export const RESEND_CALLS: readonly ResendCall[] = [...EMAILS, ...CONTACTS, ...MARKETING, ...LEGACY];
