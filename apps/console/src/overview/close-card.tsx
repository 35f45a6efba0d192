import { Link } from "@tanstack/react-router";
import { EmptyState } from "../ui/states.tsx";
import { CapMeter } from "./cap-meter.tsx";
import { type Cap, isClose, useCaps } from "./caps.ts";
import { LoadedCard } from "./loaded-card.tsx";

const SHOWN_MAX = 8;

/** The caps of which at least 80 % is used: what will stop next, or has. */
export function CloseCard() {
  const caps = useCaps();
  return (
    <LoadedCard
      title="Close to a cap"
      actions={
        <Link to="/budgets" className="text-accent hover:underline">
          All budgets
        </Link>
      }
      query={caps}
    >
      {(read) => <CloseCaps caps={read.caps.filter(isClose)} isComplete={read.isComplete} />}
    </LoadedCard>
  );
}

function CloseCaps({ caps, isComplete }: { readonly caps: readonly Cap[]; readonly isComplete: boolean }) {
  const more = caps.length - SHOWN_MAX;
  return (
    <>
      {caps.length === 0 ? (
        <EmptyState title="No cap is used to 80 %." />
      ) : (
        <ul className="flex flex-col gap-4 p-4">
          {caps.slice(0, SHOWN_MAX).map((cap) => (
            <li key={cap.id}>
              <CapMeter cap={cap} />
              <CapLinks cap={cap} />
            </li>
          ))}
        </ul>
      )}
      {more > 0 ? <p className="px-4 pb-3 text-muted">and {more} more</p> : null}
      {isComplete ? null : (
        <p className="px-4 pb-3 text-muted">
          Only the first 1,000 caps and keys of each kind were read: the alerts tell of every cap.
        </p>
      )}
    </>
  );
}

function CapLinks({ cap: { agentId, vaultKeyId } }: { readonly cap: Cap }) {
  return (
    <span className="flex gap-3 text-xs">
      {agentId === null ? null : (
        <Link to="/calls" search={{ agent_id: agentId, last: "24h" }} className="text-accent hover:underline">
          calls of {agentId}
        </Link>
      )}
      {vaultKeyId === null ? null : (
        <Link to="/keys/$id" params={{ id: vaultKeyId }} className="text-accent hover:underline">
          the key<span className="sr-only"> of {agentId}</span>
        </Link>
      )}
    </span>
  );
}
