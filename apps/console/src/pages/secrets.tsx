import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function SecretsPage() {
  return (
    <Page title="Secrets">
      <LoadingState />
    </Page>
  );
}
