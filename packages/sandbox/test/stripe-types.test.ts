import { describe, expect, it } from "vitest";
import { ENDPOINTS } from "../src/stripe/endpoints.ts";
import { membersOf } from "./stripe-types.ts";

/** File and prefix of the parameter interfaces in stripe-node, by family. */
const FAMILIES: Readonly<Record<string, readonly [file: string, prefix: string]>> = {
  payment_intents: ["PaymentIntents", "PaymentIntent"],
  charges: ["Charges", "Charge"],
  refunds: ["Refunds", "Refund"],
  transfers: ["Transfers", "Transfer"],
  payouts: ["Payouts", "Payout"],
  customers: ["Customers", "Customer"],
  balance: ["Balance", "Balance"],
  balance_transactions: ["BalanceTransactions", "BalanceTransaction"],
  events: ["Events", "Event"],
};

describe("the parameters of", () => {
  it.each(ENDPOINTS.filter(({ parameters }) => parameters !== ""))(
    "$operation are those of stripe-node's types",
    ({ operation, parameters }) => {
      const [family = "", verb = ""] = operation.split(".");
      const [file, prefix] = FAMILIES[family] ?? ["", ""];
      const camel = verb.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
      const members = membersOf(file, `${prefix}${camel}Params`);
      const expected = [...members].map(([name, { isOptional }]) => (isOptional ? name : `${name}*`));
      expect(parameters.split(" ").toSorted()).toEqual(expected.toSorted());
    },
  );
});
