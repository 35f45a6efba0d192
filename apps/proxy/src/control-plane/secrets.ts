import { PAGE_LIMIT, type Secret } from "@keybrake/client/contract";
import { type CredentialMode, VENDORS } from "@keybrake/core";
import { z } from "zod";
import type { SecretRecord } from "../secrets/secret-rows.ts";
import type { EnvelopeSecretStore } from "../secrets/secret-store.ts";
import { findSecretProblem } from "../secrets/secret-value.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { invalidField, ProblemError } from "./problem.ts";

const position = z.tuple([z.literal("secrets"), z.string()]);

/** The operations on secrets. A value goes in; no answer ever holds one. `paceOf` says how fast a secret is used. */
export function mountSecrets(
  api: AdminApi,
  secrets: EnvelopeSecretStore,
  { onChange, paceOf }: { onChange: () => void; paceOf: (secret: SecretRecord) => number | null },
): void {
  const toSecret = (secret: SecretRecord) => describeSecret(secret, paceOf(secret));
  mount(api, "createSecret", async ({ body, audited }) => {
    const { name, vendor, value, account_id: accountId = null, requests_per_second: pace = null } = body;
    refuseValue(vendor, value, accountId);
    const mode = modeOf(vendor, value, body.mode ?? "live");
    if (body.mode !== undefined && body.mode !== mode)
      throw invalidField(
        "mode",
        `this value is a ${mode} credential: leave \`mode\` out, or store the other one`,
      );
    const created = await secrets.create(
      { name, vendor, value, accountId, mode, requestsPerSecond: pace },
      audited,
    );
    if (created === null) {
      const detail = `a secret named \`${name}\` exists: rotate it, or choose another name`;
      throw new ProblemError("secret_exists", { detail });
    }
    return reply(201, toSecret(created));
  });

  mount(api, "listSecrets", async ({ query }) => {
    const limit = query.limit ?? PAGE_LIMIT;
    const [, after] = decodeCursor(position, query.cursor) ?? [null, ""];
    const found = await secrets.list(after, limit + 1);
    return reply(
      200,
      toPage(found, limit, toSecret, ({ name }) => ["secrets", name]),
    );
  });

  mount(api, "updateSecret", async ({ params, body, audited }) => {
    const updated = await secrets.setPace(params.name, body.requests_per_second, audited);
    if (updated === null) throw noSecret(params.name);
    onChange();
    return reply(200, toSecret(updated));
  });

  mount(api, "rotateSecret", async ({ params, body, audited }) => {
    const secret = await secrets.find(params.name);
    if (secret === null) throw noSecret(params.name);
    refuseValue(secret.vendor, body.value, secret.accountId);
    if (modeOf(secret.vendor, body.value, secret.mode) !== secret.mode)
      throw invalidField(
        "value",
        `this secret is a ${secret.mode} one and stays so: store the other under a new name`,
      );
    const rotated = await secrets.rotate(params.name, body.value, audited);
    if (rotated === null) throw noSecret(params.name);
    onChange();
    return reply(200, toSecret(rotated));
  });

  mount(api, "deleteSecret", async ({ params, audited }) => {
    if (!(await secrets.delete(params.name, audited))) throw noSecret(params.name);
    onChange();
    return reply(204);
  });
}

function refuseValue(vendor: SecretRecord["vendor"], value: string, accountId: string | null): void {
  const problem = findSecretProblem(vendor, value, accountId);
  if (problem !== null) throw invalidField("value", problem);
}

/** What the value itself says it is, or else what it is said to be. */
function modeOf(vendor: SecretRecord["vendor"], value: string, otherwise: CredentialMode): CredentialMode {
  return VENDORS[vendor].readCredentialMode(value) ?? otherwise;
}

function noSecret(name: string): ProblemError {
  return new ProblemError("not_found", { detail: `there is no secret named \`${name}\`` });
}

function describeSecret(secret: SecretRecord, pace: number | null): Secret {
  return {
    id: secret.id,
    name: secret.name,
    vendor: secret.vendor,
    account_id: secret.accountId,
    mode: secret.mode,
    version: secret.version,
    created_at: secret.createdAt.toISOString(),
    rotated_at: secret.rotatedAt?.toISOString() ?? null,
    requests_per_second: secret.requestsPerSecond,
    effective_requests_per_second: pace,
  };
}
