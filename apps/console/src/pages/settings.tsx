import { AdminTokens } from "../settings/admin-tokens.tsx";
import { InForce } from "../settings/in-force.tsx";
import { MasterKey } from "../settings/master-key.tsx";
import { Page } from "../ui/page.tsx";

/** What is in force, who may change things, and what seals the secrets. */
export function SettingsPage() {
  return (
    <Page title="Settings">
      <InForce />
      <AdminTokens />
      <MasterKey />
    </Page>
  );
}
