/**
 * The contract of the admin API: its schemas, its route table and its OpenAPI document. For servers and tests; a
 * client needs only the types, which the package's main entry exports too.
 */
export * from "./contract/activity.ts";
export * from "./contract/admin-event.ts";
export * from "./contract/admin-token.ts";
export * from "./contract/agent.ts";
export * from "./contract/alert.ts";
export * from "./contract/audit.ts";
export * from "./contract/budget.ts";
export * from "./contract/call.ts";
export * from "./contract/call-evidence.ts";
export * from "./contract/denial.ts";
export * from "./contract/dry-run.ts";
export * from "./contract/endpoint.ts";
export type * from "./contract/event.ts";
export * from "./contract/kill-switch.ts";
export * from "./contract/master-key.ts";
export * from "./contract/me.ts";
export { createOpenApiDocument } from "./contract/openapi.ts";
export { PAGE_LIMIT, PAGE_LIMIT_MAX, type Page } from "./contract/page.ts";
export * from "./contract/policy-template.ts";
export * from "./contract/prices.ts";
export * from "./contract/reconcile.ts";
export { problemSchema, type Route } from "./contract/route.ts";
export { ROUTES } from "./contract/routes.ts";
export * from "./contract/run.ts";
export * from "./contract/secret.ts";
export * from "./contract/session.ts";
export * from "./contract/settings.ts";
export * from "./contract/spend.ts";
export * from "./contract/sql.ts";
export * from "./contract/vault-key.ts";
export * from "./contract/vendor-quota.ts";
export { API_ROOT, CSRF_HEADER, OPERATIONS, type OperationName } from "./operations.ts";
export * from "./problem.ts";
