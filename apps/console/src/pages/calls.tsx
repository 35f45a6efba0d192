import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function CallsPage() {
  return (
    <Page title="Calls">
      <LoadingState />
    </Page>
  );
}
