/** A real credential, opened for one request. The buffer is shared and may be wiped when the request was made. */
export interface Credential {
  readonly value: Buffer;
  /** The vendor's account that it belongs to, where the vendor wants it named (Twilio's AccountSid). */
  readonly accountId: string | null;
}
