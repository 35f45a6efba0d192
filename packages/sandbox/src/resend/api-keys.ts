import { randomBytes, randomUUID } from "node:crypto";
import { invalid, noSuch } from "./error.ts";
import { fieldsOf, requiredText, text } from "./fields.ts";
import { checkPaging, pageOf } from "./listing.ts";
import { created, ok, type ResendCall, type ResendOperation, timeText } from "./operation.ts";
import type { ApiKey } from "./records.ts";

/** Mints a key that works: what a proxy must not let its callers do. */
const createApiKey: ResendOperation = ({ account, body }) => {
  const fields = fieldsOf(body);
  const name = requiredText(fields, "name");
  const permission = text(fields, "permission") ?? "full_access";
  if (permission !== "full_access" && permission !== "sending_access") {
    throw invalid("Invalid `permission` field. Use `full_access` or `sending_access`.");
  }
  return () => {
    const token = `re_${randomBytes(18).toString("hex")}`;
    const key: ApiKey = { id: randomUUID(), name, token, permission, createdAt: account.now };
    account.apiKeys.put(key.id, key);
    return created({ id: key.id, token });
  };
};

const listApiKeys: ResendOperation = (call) => {
  checkPaging(call);
  return () =>
    pageOf(call, call.account.apiKeys.newestFirst(), ({ id, name, createdAt }) => ({
      id,
      name,
      created_at: timeText(createdAt),
      last_used_at: null,
    }));
};

const deleteApiKey: ResendOperation = (call) => {
  const { id } = find(call);
  return () => {
    call.account.apiKeys.delete(id);
    return ok({ object: "api_key", id, deleted: true });
  };
};

function find({ account, ids }: ResendCall): ApiKey {
  const key = account.apiKeys.get(ids[0] ?? "");
  if (key === undefined) throw noSuch("API key");
  return key;
}

/** What can be done with API keys. */
export const API_KEY_ROUTES: Readonly<Record<string, ResendOperation>> = {
  "POST /api-keys": createApiKey,
  "GET /api-keys": listApiKeys,
  "DELETE /api-keys/{}": deleteApiKey,
};
