// Contract suites for vitest, one per port: what every implementation must do, whatever it is made of.
export * from "./describe-clock.ts";
export * from "./describe-key-store.ts";
export * from "./describe-ledger.ts";
export * from "./describe-rate-limiter.ts";
export * from "./describe-secret-store.ts";
export * from "./describe-vendor.ts";
export type * from "./ledger-harness.ts";
