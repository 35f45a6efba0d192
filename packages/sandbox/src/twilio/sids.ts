import { randomBytes } from "node:crypto";

/** A new SID: two letters and 32 hexadecimal digits. */
export function newSid(prefix: string): string {
  return prefix + randomBytes(16).toString("hex");
}

/** Whether `text` has the shape of a SID with this prefix. */
export function isSid(prefix: string, text: string): boolean {
  return text.startsWith(prefix) && /^[A-Z]{2}[0-9a-f]{32}$/.test(text);
}
