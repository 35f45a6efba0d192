import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function EndpointsPage() {
  return (
    <Page title="Endpoints">
      <LoadingState />
    </Page>
  );
}
