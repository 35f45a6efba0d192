import { KeybrakeApiError, KeybrakeConnectionError } from "@keybrake/client";
import { QueryClient } from "@tanstack/react-query";

const RETRIES_MAX = 2;

/** Holds what was read. Reading is tried again when the server could not be reached; a change never is. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < RETRIES_MAX && isPassing(error),
      refetchOnWindowFocus: true,
    },
    mutations: { retry: false },
  },
});

function isPassing(error: unknown): boolean {
  return (
    error instanceof KeybrakeConnectionError || (error instanceof KeybrakeApiError && error.status === 503)
  );
}
