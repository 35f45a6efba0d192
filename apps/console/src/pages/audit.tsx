import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function AuditPage() {
  return (
    <Page title="Audit">
      <LoadingState />
    </Page>
  );
}
