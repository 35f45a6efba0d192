import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function AgentsPage() {
  return (
    <Page title="Agents">
      <LoadingState />
    </Page>
  );
}
