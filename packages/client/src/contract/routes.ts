import { z } from "zod";
import type { OperationName } from "../operations.ts";
import { activityListSchema, listActivityQuery } from "./activity.ts";
import { adminEventSchema, listAdminEventsQuery } from "./admin-event.ts";
import { adminTokenSchema, createAdminTokenBody, createdAdminTokenSchema } from "./admin-token.ts";
import { agentSchema, listAgentsQuery } from "./agent.ts";
import {
  alertChannelSchema,
  alertSchema,
  alertTestSchema,
  createAlertChannelBody,
  createdAlertChannelSchema,
  listAlertsQuery,
  updateAlertChannelBody,
} from "./alert.ts";
import { acceptHistoryBody, auditHistorySchema, auditReportSchema } from "./audit.ts";
import { budgetSchema, createBudgetBody, listBudgetsQuery } from "./budget.ts";
import { callPageSchema, callSchema, listCallsQuery } from "./call.ts";
import { callEvidenceSchema } from "./call-evidence.ts";
import { denialCountSchema, listDenialsQuery } from "./denial.ts";
import { dryRunPolicyBody, dryRunSchema } from "./dry-run.ts";
import { endpointSchema, listEndpointsQuery } from "./endpoint.ts";
import { agentId, crewRunId, secretName, uuid } from "./identifier.ts";
import { killSwitchSchema, setKillSwitchBody } from "./kill-switch.ts";
import { masterKeySchema } from "./master-key.ts";
import { pageOf, pageQuery } from "./page.ts";
import { policyTemplateSchema } from "./policy-template.ts";
import { refreshedPricesSchema, refreshPricesBody } from "./prices.ts";
import { reconcileBody, reconcileReportSchema } from "./reconcile.ts";
import type { Route } from "./route.ts";
import { listRunsQuery, runPageSchema } from "./run.ts";
import { createSecretBody, rotateSecretBody, secretSchema, updateSecretBody } from "./secret.ts";
import { createSessionBody, loginCodeSchema, sessionSchema } from "./session.ts";
import { settingsSchema } from "./settings.ts";
import { listSpendQuery, spendPageSchema } from "./spend.ts";
import { runSqlBody, sqlResultSchema } from "./sql.ts";
import {
  createdVaultKeySchema,
  createVaultKeyBody,
  listVaultKeysQuery,
  revocationSchema,
  revokeBody,
  updateVaultKeyBody,
  vaultKeyDetailSchema,
  vaultKeySchema,
} from "./vault-key.ts";
import { vendorQuotaPageSchema } from "./vendor-quota.ts";

const nothing = {
  change: null,
  elevation: null,
  params: null,
  query: null,
  body: null,
  isBodyOptional: false,
  problems: [],
} as const;
const byId = z.strictObject({ id: uuid });
const byName = z.strictObject({ name: secretName });

/**
 * The contract of the admin API. Requests are validated by it, the OpenAPI document is made from it, and the typed
 * client takes its types from it: there is no second description to drift away.
 */
export const ROUTES = {
  createSecret: {
    ...nothing,
    summary: "Store a vendor credential",
    role: "admin",
    change: {
      action: "secret.create",
      fields: ["name", "vendor", "account_id", "mode", "requests_per_second"],
      target: "name",
    },
    body: createSecretBody,
    answers: { 201: { description: "stored; the value is never shown again", schema: secretSchema } },
    problems: ["secret_exists"],
  },
  listSecrets: {
    ...nothing,
    summary: "List secrets by name, without their values",
    role: "auditor",
    query: z.strictObject(pageQuery),
    answers: { 200: { description: "one page", schema: pageOf(secretSchema) } },
  },
  updateSecret: {
    ...nothing,
    summary: "Change how fast the vendor may be asked with a secret",
    role: "admin",
    change: { action: "secret.update", fields: ["requests_per_second"] },
    params: byName,
    body: updateSecretBody,
    answers: { 200: { description: "holds for every call that has not had its turn", schema: secretSchema } },
    problems: ["not_found"],
  },
  rotateSecret: {
    ...nothing,
    summary: "Replace a secret's value",
    role: "admin",
    change: { action: "secret.rotate", fields: [] },
    params: byName,
    body: rotateSecretBody,
    answers: {
      200: { description: "calls that are decided from now on use the new value", schema: secretSchema },
    },
    problems: ["not_found"],
  },
  deleteSecret: {
    ...nothing,
    summary: "Erase a secret; its vault keys stop working at once",
    role: "admin",
    change: { action: "secret.delete", fields: [] },
    params: byName,
    answers: { 204: { description: "erased", schema: null } },
    problems: ["not_found"],
  },
  createVaultKey: {
    ...nothing,
    summary: "Create a vault key",
    role: "admin",
    change: {
      action: "vault_key.create",
      fields: ["agent_id", "crew_run_id", "secret", "parent_id", "name", "policy"],
    },
    body: createVaultKeyBody,
    answers: {
      201: { description: "created; the key is shown this once", schema: createdVaultKeySchema },
    },
    problems: ["unknown_secret", "vendor_mismatch", "unknown_parent", "parent_unusable", "policy_wider"],
  },
  listVaultKeys: {
    ...nothing,
    summary: "List vault keys, newest first",
    role: "auditor",
    query: listVaultKeysQuery,
    answers: { 200: { description: "one page", schema: pageOf(vaultKeySchema) } },
  },
  getVaultKey: {
    ...nothing,
    summary: "Show a vault key and every budget that covers it",
    role: "auditor",
    params: byId,
    answers: { 200: { description: "the key", schema: vaultKeyDetailSchema } },
    problems: ["not_found"],
  },
  updateVaultKey: {
    ...nothing,
    summary: "Replace a vault key's policy; its expiry counts anew and a suspended key acts again",
    role: "admin",
    change: { action: "vault_key.update", fields: ["policy"] },
    params: byId,
    body: updateVaultKeyBody,
    answers: {
      200: { description: "every call that is decided from now on obeys it", schema: vaultKeySchema },
    },
    problems: ["not_found", "vault_key_revoked", "vendor_mismatch", "policy_wider"],
  },
  revokeVaultKey: {
    ...nothing,
    summary: "Revoke a vault key and its children, for good",
    role: "operator",
    change: { action: "vault_key.revoke", fields: ["reason"] },
    params: byId,
    body: revokeBody,
    isBodyOptional: true,
    answers: { 200: { description: "no later call of it is allowed", schema: revocationSchema } },
    problems: ["not_found"],
  },
  revokeRun: {
    ...nothing,
    summary: "Revoke every vault key of a run",
    role: "operator",
    change: { action: "run.revoke", fields: ["reason"] },
    params: z.strictObject({ crew_run_id: crewRunId }),
    body: revokeBody,
    isBodyOptional: true,
    answers: { 200: { description: "no later call of them is allowed", schema: revocationSchema } },
  },
  revokeAgent: {
    ...nothing,
    summary: "Revoke every vault key of an agent",
    role: "operator",
    change: { action: "agent.revoke", fields: ["reason"] },
    params: z.strictObject({ agent_id: agentId }),
    body: revokeBody,
    isBodyOptional: true,
    answers: { 200: { description: "no later call of them is allowed", schema: revocationSchema } },
  },
  listEndpoints: {
    ...nothing,
    summary: "List the endpoints that this version knows of the vendors, with how each is priced",
    role: "auditor",
    query: listEndpointsQuery,
    answers: {
      200: { description: "one page, in the order of the catalogues", schema: pageOf(endpointSchema) },
    },
  },
  listPolicyTemplates: {
    ...nothing,
    summary: "List policies to start from",
    role: "auditor",
    query: z.strictObject(pageQuery),
    answers: { 200: { description: "one page", schema: pageOf(policyTemplateSchema) } },
  },
  dryRunPolicy: {
    ...nothing,
    summary: "Judge recorded calls by a policy that is not in force; nothing is changed",
    role: "auditor",
    body: dryRunPolicyBody,
    answers: { 200: { description: "what would have been otherwise", schema: dryRunSchema } },
    problems: ["overloaded"],
  },
  getKillSwitch: {
    ...nothing,
    summary: "Show the kill switch",
    role: "auditor",
    answers: { 200: { description: "its state", schema: killSwitchSchema } },
  },
  setKillSwitch: {
    ...nothing,
    summary: "Engage or release the kill switch",
    role: "operator",
    change: { action: "kill_switch.set", fields: ["engaged", "reason"] },
    body: setKillSwitchBody,
    answers: {
      200: { description: "its state; engaged, no later call is allowed", schema: killSwitchSchema },
    },
  },
  listCalls: {
    ...nothing,
    summary: "List the audit log, newest first",
    role: "auditor",
    query: listCallsQuery,
    answers: {
      200: {
        description: "one page; as CSV or NDJSON every row",
        schema: callPageSchema,
        mediaTypes: ["text/csv", "application/x-ndjson"],
      },
    },
    problems: ["not_acceptable"],
  },
  getCall: {
    ...nothing,
    summary: "Show one call",
    role: "auditor",
    params: byId,
    answers: { 200: { description: "the audit row", schema: callSchema } },
    problems: ["not_found"],
  },
  getCallEvidence: {
    ...nothing,
    summary: "Show what a call counts in, and what the audit chain proves of it",
    role: "auditor",
    params: byId,
    answers: { 200: { description: "the evidence, checked just now", schema: callEvidenceSchema } },
    problems: ["not_found"],
  },
  listActivity: {
    ...nothing,
    summary: "Count calls and refusals over time",
    role: "auditor",
    query: listActivityQuery,
    answers: { 200: { description: "every bucket of the range", schema: activityListSchema } },
  },
  listRuns: {
    ...nothing,
    summary: "List runs, the latest activity first",
    role: "auditor",
    query: listRunsQuery,
    answers: { 200: { description: "one page", schema: runPageSchema } },
  },
  listAgents: {
    ...nothing,
    summary: "List the agents that have vault keys, by name",
    role: "auditor",
    query: listAgentsQuery,
    answers: { 200: { description: "one page", schema: pageOf(agentSchema) } },
  },
  listVendorQuota: {
    ...nothing,
    summary: "List how fast the vendors are asked, by secret, and who caused their refusals",
    role: "auditor",
    query: z.strictObject(pageQuery),
    answers: { 200: { description: "one page", schema: vendorQuotaPageSchema } },
  },
  listDenials: {
    ...nothing,
    summary: "List how often keys were refused, latest minute first",
    role: "auditor",
    query: listDenialsQuery,
    answers: { 200: { description: "one page", schema: pageOf(denialCountSchema) } },
  },
  listSpend: {
    ...nothing,
    summary: "Sum up calls and spend by agent, key, run, vendor, endpoint or day",
    role: "auditor",
    query: listSpendQuery,
    answers: { 200: { description: "one page", schema: spendPageSchema } },
  },
  createBudget: {
    ...nothing,
    summary: "Cap an agent, a run, a secret or the installation; the same cap again changes its limit",
    role: "admin",
    change: { action: "budget.set", fields: ["scope", "value", "window", "usd_cap", "call_cap"] },
    body: createBudgetBody,
    answers: {
      200: { description: "the limit was changed", schema: budgetSchema },
      201: { description: "created; what was already spent in this window counts", schema: budgetSchema },
    },
    problems: ["unknown_secret"],
  },
  listBudgets: {
    ...nothing,
    summary: "List budgets and what is left of them",
    role: "auditor",
    query: listBudgetsQuery,
    answers: { 200: { description: "one page", schema: pageOf(budgetSchema) } },
  },
  deleteBudget: {
    ...nothing,
    summary: "Delete a budget; a key's own caps change with its policy instead",
    role: "admin",
    change: { action: "budget.delete", fields: [] },
    params: z.strictObject({ id: z.string().regex(/^[0-9]{1,18}$/, { error: "must be a budget's id" }) }),
    answers: { 204: { description: "deleted", schema: null } },
    problems: ["not_found", "budget_fixed"],
  },
  refreshPrices: {
    ...nothing,
    summary: "Make a price table from Twilio's own pricing API; nothing is changed",
    role: "operator",
    body: refreshPricesBody,
    answers: { 200: { description: "the table", schema: refreshedPricesSchema } },
    problems: ["unknown_secret", "records_unreadable"],
  },
  reconcile: {
    ...nothing,
    summary: "Compare a day of the audit log with the vendor's own records",
    role: "operator",
    change: { action: "reconcile.apply", fields: ["vendor", "day", "secret"] },
    elevation: { flag: "apply", role: "admin" },
    body: reconcileBody,
    answers: { 200: { description: "what was found", schema: reconcileReportSchema } },
    problems: ["unknown_secret", "records_unreadable", "overloaded"],
  },
  createAdminToken: {
    ...nothing,
    summary: "Create an admin token with a role",
    role: "admin",
    change: { action: "admin_token.create", fields: ["name", "role", "expires_in"] },
    body: createAdminTokenBody,
    answers: {
      201: { description: "created; the token is shown this once", schema: createdAdminTokenSchema },
    },
  },
  listAdminTokens: {
    ...nothing,
    summary: "List admin tokens, newest first; the bootstrap token is not among them",
    role: "auditor",
    query: z.strictObject(pageQuery),
    answers: { 200: { description: "one page", schema: pageOf(adminTokenSchema) } },
  },
  revokeAdminToken: {
    ...nothing,
    summary: "Revoke an admin token, for good",
    role: "admin",
    change: { action: "admin_token.revoke", fields: [] },
    params: byId,
    answers: { 204: { description: "no later request with it is served", schema: null } },
    problems: ["not_found"],
  },
  getMasterKey: {
    ...nothing,
    summary: "Show which master key seals, and how far a change of it has come",
    role: "auditor",
    answers: { 200: { description: "its state; no key is shown", schema: masterKeySchema } },
  },
  rotateMasterKey: {
    ...nothing,
    summary: "Seal everything under the configured master key; may be repeated",
    role: "admin",
    change: { action: "master_key.rotate", fields: [] },
    answers: {
      200: {
        description: "its state; with `finished_at` the key before is not needed any more",
        schema: masterKeySchema,
      },
    },
    problems: ["master_key_not_everywhere", "master_key_unfinished"],
  },
  createSession: {
    ...nothing,
    summary: "Open a session with an admin token or a login code; the answer sets its cookie",
    role: null,
    change: { action: "session.create", fields: [] },
    body: createSessionBody,
    answers: { 201: { description: "opened", schema: sessionSchema } },
  },
  getSession: {
    ...nothing,
    summary: "Show who asks",
    role: "auditor",
    answers: { 200: { description: "the name and the role of the token behind it", schema: sessionSchema } },
  },
  deleteSession: {
    ...nothing,
    summary: "End the session that asks",
    role: "auditor",
    change: { action: "session.delete", fields: [] },
    answers: { 204: { description: "ended; its cookie opens nothing any more", schema: null } },
    problems: ["not_found"],
  },
  createLoginCode: {
    ...nothing,
    summary: "Make a code that opens one session in the name of whoever asks",
    role: "auditor",
    change: { action: "login_code.create", fields: [] },
    answers: { 201: { description: "good for ten minutes, once", schema: loginCodeSchema } },
  },
  listAdminEvents: {
    ...nothing,
    summary: "List what operators did and what they were refused, newest first",
    role: "auditor",
    query: listAdminEventsQuery,
    answers: { 200: { description: "one page", schema: pageOf(adminEventSchema) } },
  },
  verifyAudit: {
    ...nothing,
    summary: "Recompute the whole audit chain and compare it with the calls",
    role: "auditor",
    answers: { 200: { description: "what was found", schema: auditReportSchema } },
  },
  getAuditHistory: {
    ...nothing,
    summary: "Show whether the database lacks history that was seen, and what was lost and accepted before",
    role: "auditor",
    answers: { 200: { description: "what is known", schema: auditHistorySchema } },
  },
  acceptHistory: {
    ...nothing,
    summary: "Go on without history that was lost: a signed marker says who accepted it and why",
    role: "admin",
    change: { action: "history.accept", fields: ["reason"] },
    body: acceptHistoryBody,
    answers: { 200: { description: "calls are decided again", schema: auditHistorySchema } },
    problems: ["history_intact"],
  },
  listAlerts: {
    ...nothing,
    summary: "List alerts and where they were sent, newest first",
    role: "auditor",
    query: listAlertsQuery,
    answers: { 200: { description: "one page", schema: pageOf(alertSchema) } },
  },
  createAlertChannel: {
    ...nothing,
    summary: "Send alerts to a webhook or to Slack",
    role: "admin",
    change: { action: "alert_channel.create", fields: ["name", "kind", "events", "min_severity"] },
    body: createAlertChannelBody,
    answers: {
      201: {
        description: "created; the signing secret is shown this once",
        schema: createdAlertChannelSchema,
      },
    },
    problems: ["alert_channel_exists", "address_refused"],
  },
  listAlertChannels: {
    ...nothing,
    summary: "List where alerts go, without the addresses",
    role: "auditor",
    query: z.strictObject(pageQuery),
    answers: { 200: { description: "one page", schema: pageOf(alertChannelSchema) } },
  },
  updateAlertChannel: {
    ...nothing,
    summary: "Change a channel: its name, its address, what it wants; what is not named stays",
    role: "admin",
    change: { action: "alert_channel.update", fields: ["name", "events", "min_severity", "enabled"] },
    params: byId,
    body: updateAlertChannelBody,
    answers: { 200: { description: "holds for every attempt from now on", schema: alertChannelSchema } },
    problems: ["not_found", "alert_channel_exists", "address_refused"],
  },
  deleteAlertChannel: {
    ...nothing,
    summary: "Send no more alerts to a channel, and erase its address",
    role: "admin",
    change: { action: "alert_channel.delete", fields: [] },
    params: byId,
    answers: { 204: { description: "erased; what waited for it is not sent", schema: null } },
    problems: ["not_found"],
  },
  testAlertChannel: {
    ...nothing,
    summary: "Send a test alert to one channel, now and once",
    role: "admin",
    change: { action: "alert_channel.test", fields: [] },
    params: byId,
    answers: { 200: { description: "what happened", schema: alertTestSchema } },
    problems: ["not_found"],
  },
  getSettings: {
    ...nothing,
    summary: "Show what is in force and where it comes from, without secrets",
    role: "auditor",
    answers: { 200: { description: "the settings", schema: settingsSchema } },
  },
  streamEvents: {
    ...nothing,
    summary: "Follow calls, changes and alerts as they happen",
    role: "auditor",
    answers: {
      200: { description: "until the reader leaves", schema: null, mediaTypes: ["text/event-stream"] },
    },
    problems: ["overloaded"],
  },
  runSql: {
    ...nothing,
    summary: "Run one read-only query over the audit log and the ledger",
    role: "auditor",
    body: runSqlBody,
    answers: { 200: { description: "the rows", schema: sqlResultSchema } },
    problems: ["query_refused", "query_failed", "overloaded"],
  },
} as const satisfies Record<OperationName, Route>;
