import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function AlertsPage() {
  return (
    <Page title="Alerts">
      <LoadingState />
    </Page>
  );
}
