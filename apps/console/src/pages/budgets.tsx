import { Page } from "../ui/page.tsx";
import { LoadingState } from "../ui/states.tsx";

export function BudgetsPage() {
  return (
    <Page title="Budgets">
      <LoadingState />
    </Page>
  );
}
