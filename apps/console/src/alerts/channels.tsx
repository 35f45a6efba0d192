import type { AlertChannel, AlertTest } from "@keybrake/client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api } from "../api.ts";
import { Confirm } from "../ui/confirm.tsx";
import type { Column } from "../ui/data-table.tsx";
import { GuardedButton } from "../ui/guarded-button.tsx";
import { Card } from "../ui/page.tsx";
import { PagedTable, usePagedList } from "../ui/paged-list.tsx";
import { ShownOnce } from "../ui/shown-once.tsx";
import { EmptyState, MutationError } from "../ui/states.tsx";
import { Badge, Code, Instant, Nothing } from "../ui/values.tsx";
import { ChannelForm } from "./channel-form.tsx";

/** Where alerts go: adds, tests, pauses and erases channels. */
export function Channels() {
  const [changed, setChanged] = useState<AlertChannel | "new" | null>(null);
  const [deleted, setDeleted] = useState<AlertChannel | null>(null);
  const [secret, setSecret] = useState<{ readonly name: string; readonly value: string } | null>(null);
  const list = usePagedList(["alerts", "channels"], (cursor) => api.alertChannels.list({ cursor }));
  const columns = useMemo(() => listColumns(setChanged, setDeleted), []);
  return (
    <Card
      title="Channels"
      actions={
        <GuardedButton needs="admin" tone="primary" onClick={() => setChanged("new")}>
          Add a channel
        </GuardedButton>
      }
    >
      {secret === null ? null : (
        <div className="p-4">
          <ShownOnce what={`signing secret of ${secret.name}`} value={secret.value}>
            <p className="text-ink">
              Whoever receives the alerts checks the signature of each with it, so that nobody else can send
              one.
            </p>
          </ShownOnce>
        </div>
      )}
      <PagedTable
        caption="Alert channels"
        list={list}
        columns={columns}
        rowId={({ id }) => id}
        empty={
          <EmptyState title="Alerts go nowhere yet.">
            They are listed above all the same. Add a webhook or a Slack address to be told.
          </EmptyState>
        }
      />
      {changed === null ? null : (
        <ChannelForm
          channel={changed === "new" ? null : changed}
          onSecret={(name, value) => setSecret({ name, value })}
          onClose={() => setChanged(null)}
        />
      )}
      {deleted === null ? null : (
        <Confirm
          title={`Erase ${deleted.name}?`}
          verb="Erase the channel"
          act={() => api.alertChannels.delete(deleted.id)}
          onClose={() => setDeleted(null)}
        >
          <p>
            Its address and its signing secret are erased. Alerts that wait for it ({deleted.pending}) are not
            sent to it.
          </p>
        </Confirm>
      )}
    </Card>
  );
}

function listColumns(
  onChange: (channel: AlertChannel) => void,
  onDelete: (channel: AlertChannel) => void,
): readonly Column<AlertChannel>[] {
  return [
    {
      id: "name",
      header: "Name",
      cell: ({ name, kind, origin }) => (
        <div className="flex flex-col gap-0.5">
          <span className="font-medium">{name}</span>
          <span className="text-muted text-xs">{kind}</span>
          <Code>{origin}</Code>
        </div>
      ),
    },
    {
      id: "state",
      header: "State",
      cell: ({ enabled }) => <Badge tone={enabled ? "good" : "warn"}>{enabled ? "on" : "off"}</Badge>,
    },
    {
      id: "wants",
      header: "Wants",
      cell: ({ events, min_severity }) => (
        <span>
          {events.length === 0 ? "every kind" : events.map((event) => event.replaceAll("_", " ")).join(", ")}
          <span className="block text-muted text-xs">from {min_severity} on</span>
        </span>
      ),
    },
    { id: "pending", header: "Waiting", isNumber: true, cell: ({ pending }) => pending },
    { id: "last", header: "Last delivery", cell: (channel) => <LastDelivery channel={channel} /> },
    {
      id: "actions",
      header: "Change",
      cell: (channel) => (
        <div className="flex flex-col items-start gap-2">
          <div className="flex flex-wrap gap-2">
            <TestButton channel={channel} />
            <EnableButton channel={channel} />
            <GuardedButton
              needs="admin"
              aria-label={`Change ${channel.name}`}
              onClick={() => onChange(channel)}
            >
              Change
            </GuardedButton>
            <GuardedButton
              needs="admin"
              aria-label={`Erase ${channel.name}`}
              onClick={() => onDelete(channel)}
            >
              Erase
            </GuardedButton>
          </div>
        </div>
      ),
    },
  ];
}

function LastDelivery({ channel: { last_delivery: last } }: { readonly channel: AlertChannel }) {
  if (last === null) return <Nothing />;
  return (
    <div className="flex flex-col items-start gap-0.5">
      <Badge tone={last.state === "delivered" ? "good" : last.state === "failed" ? "bad" : "plain"}>
        {last.state}
      </Badge>
      <Instant at={last.at} />
      {last.last_error === null ? null : <span className="text-muted text-xs">{last.last_error}</span>}
    </div>
  );
}

function TestButton({ channel }: { readonly channel: AlertChannel }) {
  const client = useQueryClient();
  const test = useMutation({
    mutationFn: () => api.alertChannels.test(channel.id),
    onSettled: () => client.invalidateQueries({ queryKey: ["alerts"] }),
  });
  return (
    <div className="flex flex-col items-start gap-1">
      <GuardedButton
        needs="admin"
        aria-label={`Test ${channel.name}`}
        isBusy={test.isPending}
        onClick={() => test.mutate()}
      >
        Test
      </GuardedButton>
      <MutationError error={test.error} />
      {test.data === undefined ? null : (
        <p role="status" className="max-w-40 text-xs">
          {tellTest(test.data)}
        </p>
      )}
    </div>
  );
}

function tellTest({ delivered, status, error, took_ms }: AlertTest): string {
  if (delivered) return `Delivered: answered ${status} in ${took_ms} ms.`;
  return `Not delivered${status === null ? "" : `: answered ${status}`}${error === null ? "" : `: ${error}`}.`;
}

function EnableButton({ channel }: { readonly channel: AlertChannel }) {
  const client = useQueryClient();
  const toggle = useMutation({
    mutationFn: () => api.alertChannels.update(channel.id, { enabled: !channel.enabled }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["alerts"] }),
  });
  const verb = channel.enabled ? "Turn off" : "Turn on";
  return (
    <div className="flex flex-col items-start gap-1">
      <GuardedButton
        needs="admin"
        aria-label={`${verb} ${channel.name}`}
        isBusy={toggle.isPending}
        onClick={() => toggle.mutate()}
      >
        {verb}
      </GuardedButton>
      <MutationError error={toggle.error} />
    </div>
  );
}
