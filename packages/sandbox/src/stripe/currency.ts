import { invalidRequest } from "./error.ts";

const SUPPORTED = new Set(
  (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf " +
    "clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr " +
    "ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur " +
    "mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr " +
    "sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg " +
    "xof xpf yer zar zmw"
  ).split(" "),
);

// ISK and UGX have no decimals either, but their amounts are still written with two (always 00).
const ZERO_DECIMAL = new Set("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" "));
const THREE_DECIMAL = new Set("bhd jod kwd omr tnd".split(" "));

/** The smallest payment in minor units, where Stripe names one; 1 elsewhere. */
const CHARGE_MIN: Readonly<Record<string, number>> = {
  aed: 200,
  aud: 50,
  bgn: 100,
  brl: 50,
  cad: 50,
  chf: 50,
  czk: 1_500,
  dkk: 250,
  eur: 50,
  gbp: 30,
  hkd: 400,
  huf: 17_500,
  inr: 50,
  jpy: 50,
  mxn: 1_000,
  myr: 200,
  nok: 300,
  nzd: 50,
  pln: 200,
  ron: 200,
  sek: 300,
  sgd: 50,
  thb: 1_000,
  usd: 50,
};

const CHARGE_MAX = 99_999_999;
const CHARGE_MAX_IDR = 999_999_999_999;

/** How many decimals the amounts of a currency have at Stripe. */
export function exponentOf(currency: string): 0 | 2 | 3 {
  if (ZERO_DECIMAL.has(currency)) return 0;
  return THREE_DECIMAL.has(currency) ? 3 : 2;
}

/** The currency in lower case. Throws Stripe's error for one that it does not support. */
export function parseCurrency(text: string): string {
  const currency = text.toLowerCase();
  if (SUPPORTED.has(currency)) return currency;
  throw invalidRequest(
    `Invalid currency: ${currency}. Stripe currently supports these currencies: ${[...SUPPORTED].join(", ")}`,
    { param: "currency" },
  );
}

/** Throws unless a payment of `amount` minor units is within Stripe's limits. */
export function checkChargeAmount(amount: number, currency: string): void {
  const min = CHARGE_MIN[currency] ?? 1;
  if (amount < min) {
    throw invalidRequest(`Amount must be at least ${formatAmount(min, currency)}`, {
      code: "amount_too_small",
      param: "amount",
    });
  }
  const max = currency === "idr" ? CHARGE_MAX_IDR : CHARGE_MAX;
  if (amount > max) {
    throw invalidRequest(`Amount must be no more than ${formatAmount(max, currency)}`, {
      code: "amount_too_large",
      param: "amount",
    });
  }
}

/** `$12.34`, `¥500`, `12.34 CHF`: for messages. */
export function formatAmount(amount: number, currency: string): string {
  const exponent = exponentOf(currency);
  const digits = (amount / 10 ** exponent).toFixed(exponent);
  const symbol = { usd: "$", eur: "€", gbp: "£", jpy: "¥" }[currency];
  return symbol === undefined ? `${digits} ${currency.toUpperCase()}` : `${symbol}${digits}`;
}
