import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { CALL_COLUMNS } from "../calls/call-columns.tsx";
import { type CallFilter, readCallFilter } from "../calls/call-filter.ts";
import { useCallPages } from "../calls/call-pages.ts";
import { ExportMenu } from "../calls/export-menu.tsx";
import { FilterForm } from "../calls/filter-form.tsx";
import { Button } from "../ui/button.tsx";
import { DataTable } from "../ui/data-table.tsx";
import { More } from "../ui/more.tsx";
import { Page } from "../ui/page.tsx";
import { EmptyState, ErrorState, LoadingState, problemsByField } from "../ui/states.tsx";
import { Instant } from "../ui/values.tsx";

/** The audit log: filtered, searched, as it grows. */
export function CallsPage() {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const filter = useMemo(() => readCallFilter(search), [search]);
  const pages = useCallPages(filter);
  return (
    <Page title="Calls" actions={<ExportMenu filter={filter} />}>
      <FilterForm
        filter={filter}
        problems={problemsByField(pages.error)}
        onChange={(changed) => void navigate({ to: "/calls", search: changed as Record<string, string> })}
      />
      <section
        aria-label="Calls found"
        aria-busy={pages.isPlaceholderData}
        className={`rounded-lg border border-line bg-surface ${pages.isPlaceholderData ? "opacity-60" : ""}`}
      >
        <Found filter={filter} pages={pages} />
      </section>
    </Page>
  );
}

function Found({
  filter,
  pages,
}: {
  readonly filter: CallFilter;
  readonly pages: ReturnType<typeof useCallPages>;
}) {
  const client = useQueryClient();
  if (pages.isPending) return <LoadingState label="Reading the audit log" />;
  if (pages.error !== null && pages.calls.length === 0)
    return <ErrorState error={pages.error} onRetry={() => void pages.refetch()} />;
  return (
    <>
      {pages.isReadingBack ? (
        <div className="flex flex-wrap items-center gap-3 border-line border-b px-4 py-2">
          <span className="text-muted">While older calls are shown, new ones wait.</span>
          <Button onClick={() => void client.resetQueries({ queryKey: ["calls", "list", filter] })}>
            Show the newest
          </Button>
        </div>
      ) : null}
      <DataTable
        caption="Calls, newest first"
        columns={CALL_COLUMNS}
        rows={pages.calls}
        rowId={({ id }) => id}
        empty={<NoCalls hasFilter={Object.keys(filter).length > 0} searchedTo={pages.searchedTo} />}
      />
      {pages.searchedTo === null ? (
        <More query={pages} />
      ) : (
        <>
          <p role="status" className="border-line border-t px-4 pt-3 text-muted">
            Searched back to <Instant at={pages.searchedTo} />.
          </p>
          <More query={{ ...pages, fetchNextPage: pages.readOn }} label="Search on" />
        </>
      )}
    </>
  );
}

function NoCalls({
  hasFilter,
  searchedTo,
}: {
  readonly hasFilter: boolean;
  readonly searchedTo: string | null;
}) {
  if (searchedTo !== null) return <EmptyState title="Nothing found so far." />;
  if (hasFilter) return <EmptyState title="No call matches.">A call that comes shows up here.</EmptyState>;
  return (
    <EmptyState title="There is no call yet.">
      Give an agent a vault key and point its SDK at the proxy; each call shows up here as it is decided.
    </EmptyState>
  );
}
