import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function RunsPage() {
  return (
    <Page title="Runs">
      <LoadingState />
    </Page>
  );
}
