import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import { Button } from "./button.tsx";
import { describeError } from "./states.tsx";

/** Brings the next page of a list below what is there; nothing when there is no more. */
export function More({
  query,
  label = "More",
}: {
  readonly query: Pick<
    UseInfiniteQueryResult,
    "hasNextPage" | "isFetchingNextPage" | "isFetchNextPageError" | "error"
  > & { readonly fetchNextPage: () => Promise<unknown> };
  readonly label?: string;
}) {
  if (!query.hasNextPage) return null;
  return (
    <div className="flex flex-wrap items-center gap-3 border-line border-t p-3">
      <Button isBusy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {label}
      </Button>
      {query.isFetchNextPageError && query.error !== null ? (
        <span role="alert" className="text-bad">
          {describeError(query.error)}
        </span>
      ) : null}
    </div>
  );
}
