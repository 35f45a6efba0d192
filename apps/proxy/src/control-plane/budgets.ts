import { PAGE_LIMIT } from "@keybrake/client/contract";
import { parseUsd } from "@keybrake/core";
import { z } from "zod";
import type { Database } from "../ledger/database.ts";
import type { EnvelopeSecretStore } from "../secrets/secret-store.ts";
import { deleteBudget, selectBudget, selectBudgets, setBudget } from "./budget-store.ts";
import { decodeCursor, toPage } from "./cursor.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";

const position = z.tuple([z.literal("budgets"), z.string().regex(/^[0-9]{1,18}$/)]);

/** The operations on budgets beyond one key. */
export function mountBudgets(api: AdminApi, database: Database, secrets: EnvelopeSecretStore): void {
  mount(api, "createBudget", async ({ body, audited }) => {
    const named = "value" in body ? body.value : "";
    const value = body.scope === "secret" ? await findSecretId(secrets, named) : named;
    const { scope, window, usd_cap: usdCap, call_cap: callCap } = body;
    const usd = usdCap === undefined ? null : parseUsd(usdCap);
    const amount =
      usd === null
        ? ({ unit: "calls", limit: BigInt(callCap ?? 0) } as const)
        : ({ unit: "usd", limit: usd } as const);
    const { id, isNew } = await setBudget(audited, { scope, value, window, ...amount });
    const budget = await selectBudget(database, id);
    if (budget === null) throw noBudget(id);
    return isNew ? reply(201, budget) : reply(200, budget);
  });

  mount(api, "listBudgets", async ({ query }) => {
    const limit = query.limit ?? PAGE_LIMIT;
    const [, afterId] = decodeCursor(position, query.cursor) ?? [null, "0"];
    const found = await selectBudgets(database, query, afterId, limit + 1);
    const page = toPage(
      found,
      limit,
      (budget) => budget,
      ({ id }) => ["budgets", id],
    );
    return reply(200, page);
  });

  mount(api, "deleteBudget", async ({ params, audited }) => {
    const budget = await selectBudget(database, params.id);
    if (budget === null) throw noBudget(params.id);
    refuseFixed(budget);
    if (!(await deleteBudget(audited, params.id))) throw noBudget(params.id);
    return reply(204);
  });
}

function refuseFixed(budget: { scope: string; unit: string; value: string | null }): void {
  if (budget.scope === "vault_key") {
    const detail = `this cap belongs to the policy of vault key \`${budget.value}\`: change the policy instead`;
    throw new ProblemError("budget_fixed", { detail });
  }
  if (budget.unit === "requests") {
    const detail = "this limit comes from `KEYBRAKE_MONTHLY_REQUEST_LIMIT`: change it there";
    throw new ProblemError("budget_fixed", { detail });
  }
}

async function findSecretId(secrets: EnvelopeSecretStore, name: string): Promise<string> {
  const secret = await secrets.find(name);
  if (secret !== null) return secret.id;
  const detail = `there is no secret named \`${name}\``;
  throw new ProblemError("unknown_secret", { detail, problems: [{ field: "value", message: detail }] });
}

function noBudget(id: string): ProblemError {
  return new ProblemError("not_found", { detail: `there is no budget \`${id}\`` });
}
