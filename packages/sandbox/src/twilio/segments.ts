import { SegmentedMessage } from "sms-segments-calculator";

/** How many segments a text is sent in: GSM-7 where every letter is in it, else UCS-2. An empty text is one. */
export function segmentsOf(body: string, isSmart: boolean): number {
  return new SegmentedMessage(body, "auto", isSmart).segmentsCount;
}
