import { randomUUID } from "node:crypto";
import { noSuch } from "./error.ts";
import { fieldsOf, requiredText, text } from "./fields.ts";
import { checkPaging, pageOf } from "./listing.ts";
import { created, ok, type ResendCall, type ResendOperation, timeText } from "./operation.ts";
import type { Domain } from "./records.ts";

const createDomain: ResendOperation = ({ account, body }) => {
  const fields = fieldsOf(body);
  const name = requiredText(fields, "name");
  const region = text(fields, "region") ?? "us-east-1";
  return () => {
    const domain: Domain = { id: randomUUID(), name, status: "not_started", region, createdAt: account.now };
    return created(rendered(account.domains.put(domain.id, domain)));
  };
};

const listDomains: ResendOperation = (call) => {
  checkPaging(call);
  return () => pageOf(call, call.account.domains.newestFirst(), summary);
};

const retrieveDomain: ResendOperation = (call) => {
  const domain = find(call);
  return () => ok({ object: "domain", ...rendered(domain) });
};

/** The fake finds every DNS record in place at once. */
const verifyDomain: ResendOperation = (call) => {
  const domain = find(call);
  return () => {
    call.account.domains.put(domain.id, { ...domain, status: "verified" });
    return ok({ object: "domain", id: domain.id });
  };
};

const deleteDomain: ResendOperation = (call) => {
  const { id } = find(call);
  return () => {
    call.account.domains.delete(id);
    return ok({ object: "domain", id, deleted: true });
  };
};

function find({ account, ids }: ResendCall): Domain {
  const domain = account.domains.get(ids[0] ?? "");
  if (domain === undefined) throw noSuch("Domain");
  return domain;
}

function summary({ id, name, status, region, createdAt }: Domain): object {
  return {
    id,
    name,
    status,
    created_at: timeText(createdAt),
    region,
    open_tracking: false,
    click_tracking: false,
    capabilities: { sending: "enabled", receiving: "disabled" },
  };
}

function rendered(domain: Domain): object {
  const record = { record: "DKIM", name: "resend._domainkey", type: "TXT", ttl: "Auto", value: "p=sandbox" };
  return { ...summary(domain), records: [{ ...record, status: domain.status }] };
}

/** What can be done with domains. */
export const DOMAIN_ROUTES: Readonly<Record<string, ResendOperation>> = {
  "POST /domains": createDomain,
  "GET /domains": listDomains,
  "GET /domains/{}": retrieveDomain,
  "POST /domains/{}/verify": verifyDomain,
  "DELETE /domains/{}": deleteDomain,
};
