import type { PlannedKey } from "@keybrake/client/manifest";

/** A vault key of one run. */
export interface IssuedKey extends PlannedKey {
  readonly id: string;
  readonly vaultKey: string;
  /** The variable that holds it in the crew's environment. */
  readonly variable: string;
  readonly createdAt: Date;
  /** After this it opens nothing, whatever became of us. */
  readonly expiresAt: Date | null;
}

/** What a person needs to know of a key that could not be revoked. */
export function describeUnrevoked({ agentId, vendor, id, expiresAt }: IssuedKey): string {
  const end = expiresAt === null ? "it never expires" : `it expires at ${expiresAt.toISOString()}`;
  return `the vault key \`${id}\` of \`${agentId}\` for ${vendor} could not be revoked: ${end}`;
}
