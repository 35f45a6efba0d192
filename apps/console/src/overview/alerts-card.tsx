import type { Alert } from "@keybrake/client";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api } from "../api.ts";
import { EmptyState } from "../ui/states.tsx";
import { Badge, Instant, type Tone } from "../ui/values.tsx";
import { LoadedCard } from "./loaded-card.tsx";

const SHOWN_MAX = 5;
const TONES = { info: "plain", warning: "warn", critical: "bad" } as const satisfies Record<
  Alert["severity"],
  Tone
>;

/** What an operator should look at, the latest first. */
export function AlertsCard() {
  const query = useQuery({
    queryKey: ["alerts", "latest"],
    queryFn: () => api.alerts.list({ limit: SHOWN_MAX }),
  });
  return (
    <LoadedCard
      title="Latest alerts"
      actions={
        <Link to="/alerts" className="text-accent hover:underline">
          All alerts
        </Link>
      }
      query={query}
    >
      {({ data }) =>
        data.length === 0 ? (
          <EmptyState title="Nothing was raised." />
        ) : (
          <ul className="flex flex-col">
            {data.map((alert) => (
              <li
                key={alert.id}
                className="flex flex-col gap-1 border-line border-b px-4 py-2.5 last:border-b-0"
              >
                <span className="flex flex-wrap items-center gap-2">
                  <Badge tone={TONES[alert.severity]}>{alert.severity}</Badge>
                  <span className="font-medium">{alert.title}</span>
                </span>
                <span className="text-muted text-xs">
                  <Instant at={alert.raised_at} />
                </span>
              </li>
            ))}
          </ul>
        )
      }
    </LoadedCard>
  );
}
