export type { Fault, FaultKind, FaultMatch } from "./faults.ts";
export { FAULTS } from "./faults.ts";
export type { RecordedRequest } from "./recorder.ts";
export type { SandboxOptions, SandboxServer } from "./server.ts";
export type { MoneyTotals } from "./stripe/account.ts";
export type { FakeStripe, FakeStripeOptions } from "./stripe/fake-stripe.ts";
export { openFakeStripe } from "./stripe/fake-stripe.ts";
