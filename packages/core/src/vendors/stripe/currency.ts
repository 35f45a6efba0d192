/**
 * Decimals of a currency in Stripe's API, which are not ISO 4217's: ISK and UGX are written with two although they
 * have none, MGA with none although ISO says two (Stripe, "Supported currencies", read 2026-09).
 */
const ZERO_DECIMAL = new Set("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" "));
const THREE_DECIMAL = new Set("bhd jod kwd omr tnd".split(" "));

/** The number of decimals of a currency (lower-case code) in Stripe's amounts. */
export function stripeExponent(currency: string): 0 | 2 | 3 {
  if (ZERO_DECIMAL.has(currency)) return 0;
  return THREE_DECIMAL.has(currency) ? 3 : 2;
}
