import { VAULT_KEY_PATTERN } from "@keybrake/core";

/** Credentials by their own form, wherever in a value they stand. */
const SECRET_VALUES = [
  // Stripe's secret, restricted and organization keys.
  /(?<![A-Za-z0-9])[sr]k_(?:org_)?(?:live|test)_[A-Za-z0-9]{8,}/,
  // Resend's keys.
  /(?<![A-Za-z0-9_])re_[A-Za-z0-9_]{16,}/,
  // A Twilio account or API key with its token, as in a URL.
  /(?:AC|SK)[0-9a-f]{32}:[0-9A-Za-z]{32}(?![0-9A-Za-z])/,
];

/** A Twilio auth token or API secret says nothing of itself: only its variable's name does. */
const TWILIO_TOKEN = /^[0-9A-Za-z]{32}$/;
const TWILIO_NAME = /TWILIO/i;

/** Where vendors' credentials are kept by custom, whatever their value. */
const SECRET_NAMES = /(?:^|_)(?:STRIPE|TWILIO|RESEND)_(?:\w+_)?(?:KEY|SECRET|TOKEN|PASSWORD)$/i;
/** Under such names, but no credential of the vendor's API: what signs webhooks, what pages show, what is an id. */
const HARMLESS = /^(?:whsec_|pk_(?:live|test)_|SK[0-9a-f]{32}$|AC[0-9a-f]{32}$)/;

/** What opens Keybrake itself, or tells where that lies. */
const OPERATOR_NAMES = /^KEYBRAKE_/;
const OPERATOR_SECRETS = /^KEYBRAKE_(?:ADMIN_TOKEN|MASTER_KEY|DATABASE_URL|REDIS_URL)$/;

/** Says whether a value is a vendor's real credential by its own form, or with its name. */
export function isRealSecret(name: string, value: string): boolean {
  if (SECRET_VALUES.some((pattern) => pattern.test(value))) return true;
  return TWILIO_NAME.test(name) && TWILIO_TOKEN.test(value.trim());
}

/** Says whether a variable is one that opens Keybrake itself. */
export function isOperatorSecret(name: string): boolean {
  return OPERATOR_SECRETS.test(name);
}

/** Says whether an agent may look for its vault key under this name. */
export function isVaultKeyName(name: string): boolean {
  return /_VAULT_KEY$/i.test(name);
}

/**
 * Says whether a variable has no business in a crew's environment: a vendor's credential, a vault key that does not belong
 * to the run, a setting of Keybrake's own.
 */
export function isWithheld(name: string, value: string): boolean {
  if (OPERATOR_NAMES.test(name) || isVaultKeyName(name) || isRealSecret(name, value)) return true;
  if (value.split(/[^A-Za-z0-9_]+/).some((word) => VAULT_KEY_PATTERN.test(word))) return true;
  return SECRET_NAMES.test(name) && !HARMLESS.test(value.trim());
}
