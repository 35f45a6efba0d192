interface ProblemSpec {
  readonly status: number;
  readonly title: string;
}

/** Every way in which the admin API refuses or fails: its status, and what the code means. */
export const PROBLEMS = {
  invalid_request: { status: 400, title: "the request does not fit the contract" },
  unauthorized: { status: 401, title: "the admin token is missing or wrong" },
  role_not_sufficient: { status: 403, title: "the token's role may not do this" },
  csrf_refused: { status: 403, title: "this change does not come from the session's own page" },
  not_found: { status: 404, title: "there is no such thing" },
  method_not_allowed: { status: 405, title: "this address knows no such method" },
  not_acceptable: { status: 406, title: "the answer exists in none of the accepted media types" },
  secret_exists: { status: 409, title: "a secret of this name exists" },
  vault_key_revoked: { status: 409, title: "a revoked vault key cannot be changed" },
  alert_channel_exists: { status: 409, title: "an alert channel of this name exists" },
  budget_fixed: { status: 409, title: "this limit is set by the installation's configuration" },
  master_key_not_everywhere: { status: 409, title: "a replica does not have the new master key" },
  master_key_unfinished: { status: 409, title: "an earlier change of the master key is not finished" },
  history_intact: { status: 409, title: "nothing is lost that could be accepted" },
  parent_unusable: { status: 409, title: "the parent key can have no child" },
  payload_too_large: { status: 413, title: "the body is too large" },
  unsupported_media_type: { status: 415, title: "the body must be JSON" },
  unknown_secret: { status: 422, title: "there is no secret of this name" },
  vendor_mismatch: { status: 422, title: "the policy's vendor is not the secret's vendor" },
  unknown_parent: { status: 422, title: "there is no vault key that could be the parent" },
  policy_wider: { status: 422, title: "a child key may do no more than its parent" },
  address_refused: { status: 422, title: "alerts may not be sent to this address" },
  query_refused: { status: 422, title: "this query may not be run" },
  query_failed: { status: 422, title: "the database refused the query" },
  too_many_attempts: { status: 429, title: "too many wrong admin tokens from this address" },
  internal: { status: 500, title: "internal error" },
  ledger_unavailable: { status: 503, title: "the database cannot be reached" },
  records_unreadable: { status: 502, title: "the vendor's records could not be read" },
  not_ready: { status: 503, title: "this replica cannot serve now" },
  overloaded: { status: 503, title: "too many requests of this kind at once" },
} as const satisfies Record<string, ProblemSpec>;

export type ProblemCode = keyof typeof PROBLEMS;

/** What is wrong with one field of a request. `field` is a path such as `policy.daily_usd_cap`; empty = the whole. */
export interface FieldProblem {
  readonly field: string;
  readonly message: string;
}
