import { Channels } from "../alerts/channels.tsx";
import { RaisedAlerts } from "../alerts/raised-alerts.tsx";
import { Page } from "../ui/page.tsx";

/** What an operator was to be told of, and where it is told. */
export function AlertsPage() {
  return (
    <Page title="Alerts">
      <RaisedAlerts />
      <Channels />
    </Page>
  );
}
