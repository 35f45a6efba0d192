import { describe } from "vitest";
import { describeAddresses } from "./slice/addresses.ts";
import { describeCharges } from "./slice/charges.ts";
import { describeChildren } from "./slice/children.ts";
import { describeCurrencies } from "./slice/currencies.ts";
import { describeFaults } from "./slice/faults.ts";
import { describeIdempotency } from "./slice/idempotency.ts";
import { describeIdentity } from "./slice/identity.ts";
import { describeMoneyOut } from "./slice/money-out.ts";
import { describeLostLedger, describeOutages } from "./slice/outages.ts";
import { describeOverload } from "./slice/overload.ts";
import { describePaymentIntents } from "./slice/payment-intents.ts";
import { describeRecordedPolicies } from "./slice/recorded-policies.ts";
import { describeRefunds } from "./slice/refunds.ts";
import { describeRefusals } from "./slice/refusals.ts";
import { ANY_BACKEND, BACKENDS, requireBackends, useStage } from "./stage.ts";

requireBackends();

// One server a ledger, and everything that an agent does with the official SDK against it.
describe.each(BACKENDS)("stripe-node through a server on $name", (backend) => {
  const open = useStage(backend);
  describePaymentIntents(open);
  describeCharges(open);
  describeRefunds(open);
  describeMoneyOut(open);
  describeCurrencies(open);
  describeRefusals(open);
  describeFaults(open);
  describeIdempotency(open);
  describeIdentity(open);
  describeChildren(open);
  describeRecordedPolicies(open);
  describeAddresses(open);
  if (backend.name === "PostgreSQL") describeLostLedger(open);
  if (backend === ANY_BACKEND) describeOverload(open);
  describeOutages(open);
});
