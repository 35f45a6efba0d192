import type { VendorName } from "./names.ts";
import { resend } from "./resend/resend.ts";
import { stripe } from "./stripe/stripe.ts";
import { twilio } from "./twilio/twilio.ts";
import type { Vendor } from "./vendor.ts";

/** Every vendor that Keybrake serves, by name. */
export const VENDORS: Readonly<Record<VendorName, Vendor>> = { stripe, twilio, resend };
