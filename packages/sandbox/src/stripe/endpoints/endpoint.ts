/** One endpoint of the fake: where it is and which parameters it takes, as in stripe-node 23.1.0. */
export interface Endpoint {
  readonly operation: string;
  readonly method: "GET" | "POST" | "DELETE";
  /** `{id}` stands for the object's id, `{inner}` for that of an object inside of it. */
  readonly path: string;
  /**
   * Names separated by spaces; `*` marks a required one. A type after `:` overrides the one that the name has by
   * itself.
   */
  readonly parameters: string;
  /** Names that Stripe took before 2026-09-30, accepted from callers that send an older `Stripe-Version`. */
  readonly parametersBefore20260930?: string;
}
