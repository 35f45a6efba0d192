import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function OverviewPage() {
  return (
    <Page title="Overview">
      <LoadingState />
    </Page>
  );
}
