/** The vendors that this version serves: each has a folder beside this file and an entry in the registry. */
export const VENDOR_NAMES = ["stripe", "twilio", "resend"] as const;
export type VendorName = (typeof VENDOR_NAMES)[number];
