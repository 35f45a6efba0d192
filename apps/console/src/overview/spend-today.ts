import type { Spend } from "@keybrake/client";
import { useQuery } from "@tanstack/react-query";
import { api } from "../api.ts";
import { sumUsd } from "../money.ts";
import { utcDay } from "../time-range.ts";

/** What one agent did on this UTC day. */
export interface AgentSpend {
  readonly agentId: string | null;
  /** Exact dollars of calls with live credentials. */
  readonly live: string;
  /** The same with test credentials, which moved no money. */
  readonly test: string;
  readonly denied: number;
}

/** What agents spent on this UTC day, the dearest first. */
export function useSpendToday() {
  return useQuery({
    queryKey: ["spend", "today"],
    queryFn: async () => {
      const { data, next_cursor } = await api.spend.list({
        group_by: "agent_id",
        from: utcDay(new Date()),
        limit: 1_000,
      });
      const groups = Map.groupBy(data, ({ group }) => group);
      return {
        agents: [...groups].map(([agentId, spend]) => toAgentSpend(agentId, spend)),
        live: sumOf(data, "live"),
        test: sumOf(data, "test"),
        isComplete: next_cursor === null,
      };
    },
  });
}

function toAgentSpend(agentId: string | null, spend: readonly Spend[]): AgentSpend {
  const denied = spend.reduce((sum, part) => sum + part.denied, 0);
  return { agentId, live: sumOf(spend, "live"), test: sumOf(spend, "test"), denied };
}

function sumOf(spend: readonly Spend[], mode: "live" | "test"): string {
  return sumUsd(spend.filter((part) => part.mode === mode).map(({ cost_usd }) => cost_usd));
}
