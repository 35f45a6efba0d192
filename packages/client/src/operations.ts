/** One operation of the admin API: how it is reached below `/api/v1`. `{name}` stands for a parameter. */
export interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
}

/** Where the admin API lives on the control plane. */
export const API_ROOT = "/api/v1";

/** The header in which a browser with a session proves that a change is its own page's wish. */
export const CSRF_HEADER = "x-keybrake-csrf";

/**
 * Every operation of the admin API and its address. What it takes and answers stands in the contract's route table,
 * which cannot be built with one missing; this half is apart so that a client needs no schemas at run time.
 */
export const OPERATIONS = {
  createSecret: { method: "POST", path: "/secrets" },
  listSecrets: { method: "GET", path: "/secrets" },
  updateSecret: { method: "PATCH", path: "/secrets/{name}" },
  rotateSecret: { method: "POST", path: "/secrets/{name}/rotate" },
  deleteSecret: { method: "DELETE", path: "/secrets/{name}" },
  createVaultKey: { method: "POST", path: "/vault-keys" },
  listVaultKeys: { method: "GET", path: "/vault-keys" },
  getVaultKey: { method: "GET", path: "/vault-keys/{id}" },
  updateVaultKey: { method: "PATCH", path: "/vault-keys/{id}" },
  revokeVaultKey: { method: "POST", path: "/vault-keys/{id}/revoke" },
  revokeRun: { method: "POST", path: "/runs/{crew_run_id}/revoke" },
  revokeAgent: { method: "POST", path: "/agents/{agent_id}/revoke" },
  listEndpoints: { method: "GET", path: "/endpoints" },
  listPolicyTemplates: { method: "GET", path: "/policy-templates" },
  dryRunPolicy: { method: "POST", path: "/policies/dry-run" },
  getKillSwitch: { method: "GET", path: "/kill-switch" },
  setKillSwitch: { method: "PUT", path: "/kill-switch" },
  listCalls: { method: "GET", path: "/calls" },
  getCall: { method: "GET", path: "/calls/{id}" },
  getCallEvidence: { method: "GET", path: "/calls/{id}/evidence" },
  listActivity: { method: "GET", path: "/activity" },
  listRuns: { method: "GET", path: "/runs" },
  listAgents: { method: "GET", path: "/agents" },
  listVendorQuota: { method: "GET", path: "/vendor-quota" },
  listDenials: { method: "GET", path: "/denials" },
  listSpend: { method: "GET", path: "/spend" },
  createBudget: { method: "POST", path: "/budgets" },
  listBudgets: { method: "GET", path: "/budgets" },
  deleteBudget: { method: "DELETE", path: "/budgets/{id}" },
  refreshPrices: { method: "POST", path: "/prices/refresh" },
  reconcile: { method: "POST", path: "/reconcile" },
  createAdminToken: { method: "POST", path: "/admin-tokens" },
  listAdminTokens: { method: "GET", path: "/admin-tokens" },
  revokeAdminToken: { method: "DELETE", path: "/admin-tokens/{id}" },
  getMasterKey: { method: "GET", path: "/master-key" },
  rotateMasterKey: { method: "POST", path: "/master-key/rotate" },
  createSession: { method: "POST", path: "/session" },
  getSession: { method: "GET", path: "/session" },
  deleteSession: { method: "DELETE", path: "/session" },
  createLoginCode: { method: "POST", path: "/login-codes" },
  listAdminEvents: { method: "GET", path: "/admin-events" },
  verifyAudit: { method: "GET", path: "/audit/verify" },
  getAuditHistory: { method: "GET", path: "/audit/history" },
  acceptHistory: { method: "POST", path: "/audit/accept-history" },
  listAlerts: { method: "GET", path: "/alerts" },
  createAlertChannel: { method: "POST", path: "/alert-channels" },
  listAlertChannels: { method: "GET", path: "/alert-channels" },
  updateAlertChannel: { method: "PATCH", path: "/alert-channels/{id}" },
  deleteAlertChannel: { method: "DELETE", path: "/alert-channels/{id}" },
  testAlertChannel: { method: "POST", path: "/alert-channels/{id}/test" },
  getSettings: { method: "GET", path: "/settings" },
  streamEvents: { method: "GET", path: "/events" },
  runSql: { method: "POST", path: "/sql" },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;
