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
  products: ["Products", "Product"],
  prices: ["Prices", "Price"],
  checkout_sessions: ["Checkout/Sessions", "Session"],
  payment_links: ["PaymentLinks", "PaymentLink"],
  invoiceitems: ["InvoiceItems", "InvoiceItem"],
  invoices: ["Invoices", "Invoice"],
  credit_notes: ["CreditNotes", "CreditNote"],
  subscriptions: ["Subscriptions", "Subscription"],
  subscription_items: ["SubscriptionItems", "SubscriptionItem"],
  quotes: ["Quotes", "Quote"],
  setup_intents: ["SetupIntents", "SetupIntent"],
  payment_methods: ["PaymentMethods", "PaymentMethod"],
  transfer_reversals: ["Transfers", "Transfer"],
  topups: ["Topups", "Topup"],
  application_fees: ["ApplicationFees", "ApplicationFee"],
  fee_refunds: ["ApplicationFees", "ApplicationFee"],
  customer_balance_transactions: ["Customers", "Customer"],
  disputes: ["Disputes", "Dispute"],
  files: ["Files", "File"],
  issuing_cards: ["Issuing/Cards", "Card"],
  issuing_authorizations: ["Issuing/Authorizations", "Authorization"],
  treasury_financial_accounts: ["Treasury/FinancialAccounts", "FinancialAccount"],
  treasury_outbound_payments: ["Treasury/OutboundPayments", "OutboundPayment"],
  treasury_outbound_transfers: ["Treasury/OutboundTransfers", "OutboundTransfer"],
  treasury_inbound_transfers: ["Treasury/InboundTransfers", "InboundTransfer"],
  climate_products: ["Climate/Products", "Product"],
  climate_orders: ["Climate/Orders", "Order"],
  terminal_readers: ["Terminal/Readers", "Reader"],
  v2_outbound_payments: ["V2/MoneyManagement/OutboundPayments", "OutboundPayment"],
  v2_payout_intents: ["V2/MoneyManagement/PayoutIntents", "PayoutIntent"],
  v2_inbound_transfers: ["V2/MoneyManagement/InboundTransfers", "InboundTransfer"],
};

/** Verbs that stripe-node calls otherwise, by the family's name or for all families. */
const VERBS: Readonly<Record<string, string>> = {
  "invoices.finalize": "finalize_invoice",
  "invoices.send": "send_invoice",
  "invoices.void": "void_invoice",
  "quotes.finalize": "finalize_quote",
  "credit_notes.void": "void_credit_note",
  "transfer_reversals.create": "create_reversal",
  "transfer_reversals.retrieve": "retrieve_reversal",
  "transfer_reversals.update": "update_reversal",
  "transfer_reversals.list": "list_reversals",
  "fee_refunds.create": "create_refund",
  "fee_refunds.retrieve": "retrieve_refund",
  "fee_refunds.update": "update_refund",
  "fee_refunds.list": "list_refunds",
  "customer_balance_transactions.create": "create_balance_transaction",
  "customer_balance_transactions.retrieve": "retrieve_balance_transaction",
  "customer_balance_transactions.update": "update_balance_transaction",
  "customer_balance_transactions.list": "list_balance_transactions",
  list_lines: "list_line_items",
};

/** Outbound transfers of the second version are not in stripe-node 23.1.0. */
function isTyped({ operation, parameters }: { operation: string; parameters: string }): boolean {
  return parameters !== "" && !operation.startsWith("v2_outbound_transfers.");
}

describe("the parameters of", () => {
  it.each(ENDPOINTS.filter(isTyped))(
    "$operation are those of stripe-node's types",
    ({ operation, parameters }) => {
      const [family = "", verb = ""] = operation.split(".");
      const [file, prefix] = FAMILIES[family] ?? ["", ""];
      const named = VERBS[operation] ?? VERBS[verb] ?? verb;
      const camel = named.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
      const members = membersOf(file, `${prefix}${camel}Params`);
      const expected = [...members].map(([name, { isOptional }]) => (isOptional ? name : `${name}*`));
      // The token of a page is in `next_page_url`, which stripe-node follows; its types do not have it.
      const isNamed = (name: string): boolean => !(operation.startsWith("v2_") && name === "page");
      const names = parameters
        .split(" ")
        .map((name) => name.replace(/:.*/, ""))
        .filter(isNamed);
      expect(names.toSorted()).toEqual(expected.toSorted());
    },
  );
});
