/** Whether a credential moves money. What each kind does counts apart from the other. */
export const CREDENTIAL_MODES = ["live", "test"] as const;
export type CredentialMode = (typeof CREDENTIAL_MODES)[number];
