import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function RunPage() {
  return (
    <Page title="Run">
      <LoadingState />
    </Page>
  );
}
