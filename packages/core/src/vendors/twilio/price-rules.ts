/** How each rule that the catalogue's column `quote` names prices a call. */
export const TWILIO_PRICE_RULES: Readonly<Record<string, string>> = {
  none: "free",
  message: "the price table's figure for the destination, times the message's segments",
  call: "the price table's minute to the destination, times the longest time that the call may take, and what it asks besides",
  participant: "as a call, with the price table's minutes in a conference",
  call_update:
    "what the new instructions can cost by the price table, for the longest time that the call may take",
  open_end: "not known beforehand",
  number: "the number's first month in the price table",
  validation: "a short call to the number, by the price table",
  verification: "the price table's verification and the message that carries its code",
  lookup: "the price table's figure for each of `Fields`; free without any",
};
