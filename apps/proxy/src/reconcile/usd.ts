const DECIMALS = 6;
const MICROS_PER_USD = 1_000_000n;

/** Reads a numeric of the ledger, which has at most six decimals, as micro-dollars. */
export function parseUsd(value: unknown): bigint {
  const text = String(value ?? "0");
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  const micros = BigInt(whole) * MICROS_PER_USD + BigInt(fraction.slice(0, DECIMALS).padEnd(DECIMALS, "0"));
  return text.startsWith("-") ? -micros : micros;
}

/** Writes micro-dollars as the API does: exact, with two to six decimals. */
export function formatUsd(micros: bigint): string {
  const size = micros < 0n ? -micros : micros;
  const fraction = String(size % MICROS_PER_USD)
    .padStart(DECIMALS, "0")
    .replace(/0+$/, "")
    .padEnd(2, "0");
  return `${micros < 0n ? "-" : ""}${size / MICROS_PER_USD}.${fraction}`;
}
