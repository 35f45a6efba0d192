import type { Page } from "@keybrake/client";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { type ComponentProps, useMemo } from "react";
import { Button } from "./button.tsx";
import { DataTable } from "./data-table.tsx";
import { ErrorState, LoadingState } from "./states.tsx";

/** A list as far as it was read. */
export type PagedList<Row> = ReturnType<typeof usePagedList<Row>>;

/** Reads a list page by page. `list` gets the cursor of the page, nothing for the first. */
export function usePagedList<Row>(
  queryKey: readonly unknown[],
  list: (cursor: string | undefined) => Promise<Page<Row>>,
) {
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } =
    useInfiniteQuery({
      queryKey,
      queryFn: ({ pageParam }) => list(pageParam),
      initialPageParam: undefined as string | undefined,
      getNextPageParam: (page) => page.next_cursor ?? undefined,
      placeholderData: keepPreviousData,
    });
  const rows = useMemo(() => data?.pages.flatMap((page) => page.data) ?? [], [data]);
  return { rows, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch };
}

/** The rows that were read, and a way to the next ones. */
export function PagedTable<Row extends object>({
  list,
  ...table
}: { readonly list: PagedList<Row> } & Omit<ComponentProps<typeof DataTable<Row>>, "rows">) {
  const { rows, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = list;
  if (isPending) return <LoadingState />;
  return (
    <>
      {error === null ? null : <ErrorState error={error} onRetry={() => void refetch()} />}
      {error !== null && rows.length === 0 ? null : <DataTable {...table} rows={rows} />}
      {hasNextPage ? (
        <div className="border-line border-t p-3 text-center">
          <Button isBusy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
            More
          </Button>
        </div>
      ) : null}
    </>
  );
}
