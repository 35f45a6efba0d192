/** Micro-dollars of an exact amount of the API, such as "-1234.5678". */
function toMicros(usd: string): bigint {
  const [whole = "0", fraction = ""] = usd.replace("-", "").split(".");
  const micros = BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
  return usd.startsWith("-") ? -micros : micros;
}

/** The exact sum of amounts of dollars, written as the API writes them. */
export function sumUsd(amounts: readonly string[]): string {
  const micros = amounts.reduce((sum, amount) => sum + toMicros(amount), 0n);
  const absolute = micros < 0n ? -micros : micros;
  const fraction = String(absolute % 1_000_000n)
    .padStart(6, "0")
    .replace(/0{1,4}$/, "");
  return `${micros < 0n ? "-" : ""}${absolute / 1_000_000n}.${fraction}`;
}
