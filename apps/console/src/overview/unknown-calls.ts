import { useQuery } from "@tanstack/react-query";
import { api } from "../api.ts";

/** The latest calls of unknown outcome, as many as one page of the audit log has. */
export function useUnknownCalls() {
  return useQuery({ queryKey: ["calls", "unknown"], queryFn: () => api.calls.list({ state: "unknown" }) });
}
