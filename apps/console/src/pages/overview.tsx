import { ActivityCard } from "../overview/activity-card.tsx";
import { AlertsCard } from "../overview/alerts-card.tsx";
import { CloseCard } from "../overview/close-card.tsx";
import { Headline } from "../overview/headline.tsx";
import { QuotaCard } from "../overview/quota-card.tsx";
import { SpendCard } from "../overview/spend-card.tsx";
import { UnknownCard } from "../overview/unknown-card.tsx";
import { Page } from "../ui/page.tsx";

/** What goes on now, and what to look at first. */
export function OverviewPage() {
  return (
    <Page title="Overview">
      <Headline />
      <div className="grid items-start gap-4 xl:grid-cols-[3fr_2fr]">
        <div className="flex min-w-0 flex-col gap-4">
          <SpendCard />
          <ActivityCard />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <CloseCard />
          <AlertsCard />
        </div>
      </div>
      <UnknownCard />
      <QuotaCard />
    </Page>
  );
}
