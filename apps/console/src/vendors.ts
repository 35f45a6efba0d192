import type { VaultKey } from "@keybrake/client";

/** A vendor that keys are for. */
export type VendorName = VaultKey["vendor"];

/** What people call the vendors; every one of them. */
export const VENDOR_TITLES: Readonly<Record<VendorName, string>> = {
  stripe: "Stripe",
  twilio: "Twilio",
  resend: "Resend",
};

export const VENDORS = Object.keys(VENDOR_TITLES) as readonly VendorName[];

const STATUS_ORDER: Readonly<Record<VaultKey["status"], null>> = {
  active: null,
  suspended: null,
  expired: null,
  revoked: null,
};

/** Every state that a vault key can be in. */
export const KEY_STATUSES = Object.keys(STATUS_ORDER);
