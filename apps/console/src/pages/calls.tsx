import { useQueryClient } from "@tanstack/react-query";
import { CALL_COLUMNS } from "../calls/call-columns.tsx";
import { CALL_FILTERS, type CallFilter } from "../calls/call-filter.ts";
import { useCallPages } from "../calls/call-pages.ts";
import { ExportMenu } from "../calls/export-menu.tsx";
import { FilterForm } from "../calls/filter-form.tsx";
import { Button } from "../ui/button.tsx";
import { DataTable } from "../ui/data-table.tsx";
import { useFilters } from "../ui/filters.tsx";
import { Page } from "../ui/page.tsx";
import { describeError, EmptyState, ErrorState, LoadingState, problemsByField } from "../ui/states.tsx";
import { Instant } from "../ui/values.tsx";

/** The audit log: filtered, searched, as it grows. */
export function CallsPage() {
  const filters = useFilters(CALL_FILTERS);
  const pages = useCallPages(filters.values);
  return (
    <Page title="Calls" actions={<ExportMenu filter={filters.values} />}>
      <FilterForm filters={filters} problems={problemsByField(pages.error)} />
      <section
        aria-label="Calls found"
        aria-busy={pages.isPlaceholderData}
        className={`rounded-lg border border-line bg-surface ${pages.isPlaceholderData ? "opacity-60" : ""}`}
      >
        <Found filter={filters.values} pages={pages} />
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
      {pages.hasNextPage ? <ReadOn pages={pages} /> : null}
    </>
  );
}

function ReadOn({ pages }: { readonly pages: ReturnType<typeof useCallPages> }) {
  const { searchedTo, error, isReadingOn, readOn } = pages;
  return (
    <div className="flex flex-wrap items-center gap-3 border-line border-t p-3">
      {searchedTo === null ? null : (
        <p role="status" className="text-muted">
          Searched back to <Instant at={searchedTo} />.
        </p>
      )}
      <Button isBusy={isReadingOn} onClick={() => void readOn()}>
        {searchedTo === null ? "More" : "Go on"}
      </Button>
      {error === null ? null : (
        <span role="alert" className="text-bad">
          {describeError(error)}
        </span>
      )}
    </div>
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
