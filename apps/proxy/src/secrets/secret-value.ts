import { VENDORS, type VendorName } from "@keybrake/core";

/**
 * Says what is wrong with a text as a vendor's real credential, or null. Catches the confusions that would otherwise
 * show only at the first call: a vault key, and a key of Stripe's that cannot act. Never repeats the text.
 */
export function findSecretProblem(
  vendor: VendorName,
  value: string,
  accountId: string | null,
): string | null {
  if (value.length < 8 || value.length > 512) return "must have 8 to 512 characters";
  if (!/^[\x21-\x7e]+$/.test(value)) return "must be printable ASCII without spaces";
  if (value.startsWith("vault_"))
    return "is a vault key of Keybrake: store the vendor's real key, and give the vault key to the agent";
  return VENDORS[vendor].findCredentialProblem(value, accountId);
}
