import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function KeysPage() {
  return (
    <Page title="Keys">
      <LoadingState />
    </Page>
  );
}
