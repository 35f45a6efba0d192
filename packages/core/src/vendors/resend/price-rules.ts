/** How each rule that the catalogue's column `quote` names prices a call. */
export const RESEND_PRICE_RULES: Readonly<Record<string, string>> = {
  none: "free",
  emails: "the price table's figure for one recipient, times the recipients",
  reschedule: "free: it moves a scheduled mail's time and nothing else",
  broadcast: "free as a draft; one that is sent at once has no price",
  broadcast_send: "not known beforehand",
  indirect: "not known beforehand",
  import: "not known beforehand",
};
