import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function NewKeyPage() {
  return (
    <Page title="NewKey">
      <LoadingState />
    </Page>
  );
}
