import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function CallPage() {
  return (
    <Page title="Call">
      <LoadingState />
    </Page>
  );
}
