import type { CallPage } from "@keybrake/client";
import { type InfiniteData, keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api.ts";
import { type CallFilter, toCallQuery } from "./call-filter.ts";

/** How many pages one search reads on its own while it finds nothing. */
const EMPTY_PAGES_MAX = 20;

/**
 * The calls of a filter, newest first. The first page is read again when something happens; with more than one it
 * stays as it is, so that nothing moves under who reads back, until the newest are asked for again.
 */
export function useCallPages(filter: CallFilter) {
  const query = useInfiniteQuery({
    queryKey: ["calls", "list", filter],
    queryFn: ({ pageParam }) =>
      api.calls.list({
        ...toCallQuery(filter, new Date()),
        ...(pageParam === null ? {} : { cursor: pageParam }),
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
    placeholderData: keepPreviousData,
    enabled: ({ state }) => pagesOf(state.data as InfiniteData<CallPage> | undefined).length <= 1,
  });
  const pages = pagesOf(query.data);
  const [isReadingOn, setIsReadingOn] = useState(false);
  /** Reads on; a search goes on until it finds something, or for a while. */
  const readOn = async () => {
    setIsReadingOn(true);
    for (let count = 0; count < EMPTY_PAGES_MAX; count++) {
      const { data, isError } = await query.fetchNextPage();
      const last = data?.pages.at(-1);
      if (isError || last === undefined || last.data.length > 0 || last.next_cursor === null) break;
    }
    setIsReadingOn(false);
  };
  return {
    ...query,
    calls: pages.flatMap(({ data }) => data),
    isReadingBack: pages.length > 1,
    /** How far back the search has come; null when it has not stopped halfway. */
    searchedTo: pages.at(-1)?.searched_to ?? null,
    isReadingOn,
    readOn,
  };
}

function pagesOf(data: InfiniteData<CallPage> | undefined): readonly CallPage[] {
  return data?.pages ?? [];
}
