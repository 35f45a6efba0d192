/** Micro-dollars of ten minor units: those of the yen and the dinar are at the stage's rates with 2 % on top. */
const MICROS_OF_TEN = { usd: 100_000, jpy: 68_340, kwd: 33_252 } as const;

/** A currency with two decimals, with none, and with three. */
export type Currency = keyof typeof MICROS_OF_TEN;

export const CURRENCIES = ["usd", "jpy", "kwd"] as const satisfies readonly Currency[];

const MICROS = 1_000_000;

/** What an amount in minor units costs, rounded up, as the audit writes it: at least two decimals, at most six. */
export function dollarsOf(amount: number, currency: Currency): string {
  const micros = Math.ceil((amount * MICROS_OF_TEN[currency]) / 10);
  const fraction = String(micros % MICROS).padStart(6, "0");
  return `${Math.floor(micros / MICROS)}.${fraction.slice(0, 2)}${fraction.slice(2).replace(/0+$/, "")}`;
}
