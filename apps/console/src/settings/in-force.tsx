import type { Settings } from "@keybrake/client";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { type Column, DataTable } from "../ui/data-table.tsx";
import { Card, Facts } from "../ui/page.tsx";
import { ErrorState, LoadingState } from "../ui/states.tsx";
import { Badge, Code, Count, Instant } from "../ui/values.tsx";

/** One setting as a row: what is in force, where that comes from, and what changes it. */
interface Row {
  readonly name: string;
  readonly value: ReactNode;
  readonly source: Settings["retention_days"]["source"];
  readonly variable: string;
}

/** What is in force at the replica that answers. Settings are the environment's: they change with a restart. */
export function InForce() {
  const settings = useQuery({ queryKey: ["settings"], queryFn: () => api.settings.get() });
  if (settings.data === undefined && settings.error !== null)
    return (
      <Card title="In force">
        <ErrorState error={settings.error} onRetry={() => void settings.refetch()} />
      </Card>
    );
  if (settings.data === undefined) return <LoadingState />;
  return (
    <>
      <Server settings={settings.data} />
      <Card title="In force">
        <p className="border-line border-b px-4 py-2 text-muted">
          Each is set by a variable of the server's environment, and changes with a restart.
        </p>
        <DataTable
          caption="Settings in force"
          columns={COLUMNS}
          rows={listRows(settings.data)}
          rowId={({ name }) => name}
          empty={null}
        />
      </Card>
    </>
  );
}

function Server({ settings }: { readonly settings: Settings }) {
  const { database, replicas } = settings;
  return (
    <Card title="Server">
      <Facts
        facts={[
          ["Version", settings.version],
          [
            "Vendors",
            settings.sandbox ? (
              <Badge key="sandbox" tone="warn">
                sandbox: built-in vendors stand in for real ones
              </Badge>
            ) : (
              "real ones"
            ),
          ],
          ["Database", `${database.kind} ${database.version}`],
          [
            "The server's role",
            database.kind === "embedded" ? (
              "owns the embedded database"
            ) : database.restricted_role ? (
              <Badge key="role" tone="good">
                cannot change the audit log
              </Badge>
            ) : (
              <Badge key="role" tone="warn">
                could change the audit log: see KEYBRAKE_DATABASE_OWNER_URL
              </Badge>
            ),
          ],
          ["Redis", settings.redis ? "configured" : "none; nothing depends on it"],
          [
            "Replicas",
            <ul key="replicas">
              {replicas.map((replica) => (
                <li key={replica.name}>
                  <Code>{replica.name}</Code> {replica.version}, since <Instant at={replica.started_at} />
                  {replica.name === settings.replica ? " (this one answers)" : ""}
                </li>
              ))}
            </ul>,
          ],
        ]}
      />
    </Card>
  );
}

function listRows(settings: Settings): readonly Row[] {
  const { currency_rates: rates, monthly_request_limit: monthly } = settings;
  return [
    row("Agents reach the proxy at", settings.data_plane_url, (url) => <Code>{url}</Code>),
    row("Calls are kept", settings.retention_days, (days) => `${days} days`),
    {
      ...row("Requests a month", monthly, (limit) => (limit === null ? "no limit" : <Count value={limit} />)),
      value: (
        <>
          {monthly.value === null ? "no limit" : <Count value={monthly.value} />}
          <span className="block text-muted text-xs">
            {monthly.used === null ? null : (
              <>
                <Count value={monthly.used} /> used;{" "}
              </>
            )}
            resets <Instant at={monthly.resets_at} />
          </span>
        </>
      ),
    },
    ...settings.vendors.map(({ vendor, upstream, requests_per_second: pace }) => ({
      ...row(`Requests a second to ${vendor}`, pace, () => null),
      value: (
        <>
          {pace.value ?? "as the vendor documents"}
          <span className="block text-muted text-xs">
            live {pace.live ?? "no limit"}, test {pace.test ?? "no limit"};{" "}
            {upstream === "vendor"
              ? "the real vendor"
              : upstream === "sandbox"
                ? "the sandbox"
                : "another address"}
          </span>
        </>
      ),
    })),
    {
      name: "Currency rates",
      value: (
        <>
          {rates.currencies.length === 0 ? "dollars only" : `usd, ${rates.currencies.join(", ")}`}
          {rates.as_of === null ? null : (
            <span className="block text-muted text-xs">
              of {rates.as_of}, {rates.markup_bps / 100} % on top
              {rates.max_age_days === null ? "" : `, at most ${rates.max_age_days} days old`}
            </span>
          )}
        </>
      ),
      source: rates.source,
      variable: rates.variable,
    },
    ...settings.price_tables.map(({ vendor, as_of, source, variable }) => ({
      name: `Prices of ${vendor}`,
      value: `of ${as_of}`,
      source,
      variable,
    })),
    row("Chain heads outside the database", settings.checkpoint_file, (isKept) =>
      isKept ? "kept" : "not kept",
    ),
    row("Days are compared with the vendors", settings.reconcile_hour, (hour) =>
      hour === null ? "only when asked" : `from ${hour}:00 UTC on`,
    ),
    row("Late prices are asked for", settings.follow_up_seconds, (seconds) => `every ${seconds} s`),
    row("Alerts may go to", settings.alert_private_hosts, (hosts) =>
      hosts.length === 0 ? "public https addresses" : `public https addresses, and ${hosts.join(", ")}`,
    ),
  ];
}

function row<Value>(
  name: string,
  setting: { readonly value: Value; readonly source: Row["source"]; readonly variable: string },
  show: (value: Value) => ReactNode,
): Row {
  return { name, value: show(setting.value), source: setting.source, variable: setting.variable };
}

const COLUMNS: readonly Column<Row>[] = [
  { id: "name", header: "Setting", cell: ({ name }) => <span className="font-medium">{name}</span> },
  { id: "value", header: "In force", cell: ({ value }) => value },
  { id: "source", header: "From", cell: ({ source }) => <Badge>{source}</Badge> },
  { id: "variable", header: "Changed by", cell: ({ variable }) => <Code>{variable}</Code> },
];
