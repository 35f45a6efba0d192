// biome-ignore lint/style/noRestrictedImports: pure, and Twilio's own rules for splitting a text
import { SegmentedMessage } from "sms-segments-calculator";

/** How long a text message may be, in characters. */
export const BODY_CHARACTERS_MAX = 1_600;

/**
 * How many segments a text takes on the wire. `isSmart` = Twilio replaces look-alike characters beforehand
 * (`SmartEncoded`); without it one typographic quote makes the whole text UCS-2. An empty text takes one.
 */
export function countSegments(text: string, isSmart: boolean): number {
  return Math.max(1, new SegmentedMessage(text, "auto", isSmart).segmentsCount);
}
