/** What Resend costs, as the operator states it. */
export interface ResendPrices {
  /** One recipient of one mail, in micro-dollars. */
  readonly recipientMicros: bigint;
  /** ISO date of the figures. */
  readonly asOf: string;
}

/** Resend's pay-as-you-go overage: 0.90 USD per 1,000 recipients. */
export const RESEND_PRICES: ResendPrices = { recipientMicros: 900n, asOf: "2026-11-01" };

const NAMES = ["as_of", "recipient_micros"];

/**
 * Reads `{"as_of":"2026-11-01","recipient_micros":900}` of any origin. `recipient_micros` is a whole number of
 * micro-dollars, also as text. Returns every problem, one sentence each, otherwise.
 */
export function parseResendPrices(json: unknown): ResendPrices | string[] {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return ["the prices of Resend must be an object with `as_of` and `recipient_micros`"];
  }
  const { as_of: asOf, recipient_micros: micros } = json as Record<string, unknown>;
  const problems = Object.keys(json)
    .filter((name) => !NAMES.includes(name))
    .map(
      (name) =>
        `\`${name}\`: is no price of Resend, use ${NAMES.map((known) => `\`${known}\``).join(" and ")}`,
    );
  const isDate = typeof asOf === "string" && /^\d{4}-\d{2}-\d{2}$/.test(asOf) && isCalendarDay(asOf);
  if (!isDate) problems.push("`as_of`: must be the date of the figures, as `2026-11-01`");
  const isWhole =
    typeof micros === "string" ? /^[1-9][0-9]{0,11}$/.test(micros) : Number.isSafeInteger(micros);
  if (!isWhole || Number(micros) <= 0) {
    problems.push("`recipient_micros`: must be a positive whole number of micro-dollars, as `900`");
  }
  if (problems.length > 0) return problems;
  return { recipientMicros: BigInt(micros as string | number), asOf: asOf as string };
}

function isCalendarDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
