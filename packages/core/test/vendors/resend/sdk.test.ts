import { Resend } from "resend";
import { afterAll, expect, it, vi } from "vitest";
import { isMethod } from "../../../src/endpoint.ts";
import { RESEND_CATALOGUE } from "../../../src/vendors/resend/read-operation.ts";

const FIELDS = [
  "id",
  "email",
  "emailId",
  "audienceId",
  "contactId",
  "segmentId",
  "domainId",
  "broadcastId",
  "automationId",
  "runId",
  "inboxId",
  "inbox",
  "draftId",
  "threadId",
  "labelId",
  "webhookId",
  "eventId",
  "idOrEmail",
  "identifier",
  "query",
];
const everything = {
  ...Object.fromEntries(FIELDS.map((name) => [name, "x1"])),
  topics: [],
  steps: [],
  connections: [],
  labels: [],
  to: "a@x.io",
};
const byContact = { ...everything, email: undefined, audienceId: undefined, segmentId: undefined };
const ARGUMENTS: readonly (readonly unknown[])[] = [
  [everything, everything],
  [byContact, byContact],
  ["x1", everything],
  ["x1", "x2", everything],
  [[everything]],
  ["x1"],
  [],
];

/** Older endpoints that the API still has and the SDK does not call in this walk. */
const ONLY_IN_THE_API = [
  "audiences.create",
  "audiences.list",
  "audiences.get",
  "audiences.remove",
  "audiences.contacts.create",
  "audiences.contacts.list",
];

/** Every resource of the client, also nested ones, without the way back to the client. */
function listResources(owner: object, seen = new Set<object>()): object[] {
  if (seen.has(owner)) return [];
  seen.add(owner);
  const inner = Object.values(owner).filter((value) => typeof value === "object" && value !== null);
  return [owner, ...inner.flatMap((value) => listResources(value, seen))];
}

async function callAll(resource: object): Promise<void> {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(resource)).filter(
    (name) => name !== "constructor",
  );
  for (const name of names) {
    const method = (resource as Record<string, unknown>)[name];
    if (typeof method !== "function") continue;
    for (const given of ARGUMENTS) {
      // Arguments that do not fit are the SDK's to refuse: only what it sends matters.
      await Promise.resolve()
        .then(() => method.apply(resource, given))
        .catch(() => undefined);
    }
  }
}

afterAll(() => vi.unstubAllGlobals());

it("the catalogue knows every endpoint that the official SDK calls", async () => {
  const seen = new Set<string>();
  vi.stubGlobal("fetch", async (url: string | URL, options: { method?: string }) => {
    seen.add(`${options.method ?? "GET"} ${new URL(url).pathname}`);
    return new Response("{}", { headers: { "content-type": "application/json" } });
  });
  const client = new Resend("re_test", { baseUrl: "http://127.0.0.1:9" });
  const ofClient = ["get", "post", "put", "patch", "delete", "fetchRequest"];
  const resources = listResources(client).filter(
    (one) => one !== client && !ofClient.includes(one.constructor.name),
  );
  for (const resource of resources) await callAll(resource);

  const sensible = [...seen].filter((line) => !/undefined|object|\/\//.test(line));
  const unknown = sensible.filter((line) => {
    const [method = "", path = ""] = line.split(" ");
    return !isMethod(method) || RESEND_CATALOGUE.find(method, path) === null;
  });
  expect(unknown).toEqual([]);
  // The walk itself must have reached most of the SDK, or it proves nothing.
  const reached = new Set(
    sensible.map(
      (line) =>
        RESEND_CATALOGUE.find(line.split(" ")[0] as "GET", line.split(" ")[1] ?? "")?.endpoint.operation,
    ),
  );
  const missed = RESEND_CATALOGUE.endpoints.map((one) => one.operation).filter((name) => !reached.has(name));
  expect(missed).toEqual(ONLY_IN_THE_API);
});
