import { AdminTrail } from "../audit/admin-trail.tsx";
import { DenialCounts } from "../audit/denial-counts.tsx";
import { LostHistory } from "../audit/lost-history.tsx";
import { Verification } from "../audit/verification.tsx";
import { Page } from "../ui/page.tsx";

/** Whether the records are whole, and who did what to the installation. */
export function AuditPage() {
  return (
    <Page title="Audit">
      <Verification />
      <LostHistory />
      <AdminTrail />
      <DenialCounts />
    </Page>
  );
}
