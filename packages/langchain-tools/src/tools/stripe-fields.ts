import { z } from "zod";

/** An amount of money in Stripe's units. */
export const amount = z
  .int()
  .positive()
  .describe(
    "whole number in the currency's smallest unit: 1050 is 10.50 in usd or eur (cents), and 1050 yen in jpy, which has no cents",
  );

export const currency = z
  .string()
  .regex(/^[A-Za-z]{3}$/)
  .describe("three-letter ISO code, such as `usd`");

export const customer = z.string().describe("id of the customer, `cus_…`");

export const limit = z.int().min(1).max(100).describe("how many at most; Stripe gives 10 when absent");

export const startingAfter = z.string().describe("id of the last one of the page before, to go on behind it");

export const metadata = z
  .record(z.string().regex(/^[^[\]]{1,40}$/), z.string().max(500))
  .describe("your own labels; run and agent are added by themselves");
