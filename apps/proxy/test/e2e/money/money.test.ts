import { describe } from "vitest";
import { BACKENDS, useStage } from "../stage.ts";
import { describeCustomers } from "./customers.ts";
import { describeDuplicates } from "./duplicates.ts";
import { describeAutoAdvance, describeUnpriced } from "./permissions.ts";
import { describePrices } from "./prices.ts";
import { describeRefundRests } from "./refund-rest.ts";

// What calls cost beyond the first slice, and who may make them: the official SDK, a server process, a fake vendor.
describe.each(BACKENDS)("money through stripe-node and a server on $name", (backend) => {
  const open = useStage(backend);
  describePrices(open);
  describeRefundRests(open);
  describeCustomers(open);
  describeDuplicates(open);
  describeUnpriced(open);
  describeAutoAdvance(open);
});
