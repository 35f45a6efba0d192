// biome-ignore lint/style/noRestrictedImports: pure, and Twilio's own rules for splitting a text
import { SegmentedMessage } from "sms-segments-calculator";

/** How long a text message may be, in characters. */
export const BODY_CHARACTERS_MAX = 1_600;

/** Text of ASCII letters that each take one place of GSM-7, which is what most messages are. */
const PLAIN = /^[\n !-Z_a-z]*$/;
const PLAIN_SINGLE = 160;
const PLAIN_PART = 153;

/**
 * How many segments a text takes on the wire. `isSmart` = Twilio replaces look-alike characters beforehand
 * (`SmartEncoded`); without it one typographic quote makes the whole text UCS-2. An empty text takes one.
 */
export function countSegments(text: string, isSmart: boolean): number {
  // The full rules take milliseconds for a long text; plain text needs none of them.
  if (PLAIN.test(text)) return text.length <= PLAIN_SINGLE ? 1 : Math.ceil(text.length / PLAIN_PART);
  return Math.max(1, new SegmentedMessage(text, "auto", isSmart).segmentsCount);
}
