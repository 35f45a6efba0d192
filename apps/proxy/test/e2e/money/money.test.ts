import { describe } from "vitest";
import { BACKENDS, type Backend, useStage } from "../stage.ts";
import { describeCustomers } from "./customers.ts";
import { describeDuplicates } from "./duplicates.ts";
import { describeAutoAdvance, describeUnpriced } from "./permissions.ts";
import { describePrices } from "./prices.ts";
import { describeRefundRests } from "./refund-rest.ts";

const EMBEDDED = BACKENDS.find(({ name }) => name === "embedded") as Backend;

// What calls cost beyond the first slice, and who may make them: the official SDK, a server process, a fake vendor.
describe("money through stripe-node and a server", () => {
  const open = useStage(EMBEDDED);
  describePrices(open);
  describeRefundRests(open);
  describeCustomers(open);
  describeDuplicates(open);
  describeUnpriced(open);
  describeAutoAdvance(open);
});
