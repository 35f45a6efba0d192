import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function KeyPage() {
  return (
    <Page title="Key">
      <LoadingState />
    </Page>
  );
}
