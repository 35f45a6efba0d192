import { formatAmount } from "../budget-words.ts";
import { UsageMeter } from "../ui/meter.tsx";
import { Badge } from "../ui/values.tsx";
import type { Cap } from "./caps.ts";

const WINDOWS = { daily: "today", monthly: "this month", total: "in all" } as const;

/** A cap as a bar, with its exact amounts and whose it is. */
export function CapMeter({ cap }: { readonly cap: Cap }) {
  const { name, window, unit, used, reserved, limit, isTest, share } = cap;
  const percent = Math.floor(share * 100);
  return (
    <div className="flex min-w-44 flex-col gap-1">
      <div className="flex flex-wrap items-baseline justify-between gap-x-3 text-xs">
        <span className="tabular-nums">
          {formatAmount(used, unit)} of {formatAmount(limit, unit)} {WINDOWS[window]}
        </span>
        <span
          className={`tabular-nums ${percent >= 95 ? "text-bad" : percent >= 80 ? "text-warn" : "text-muted"}`}
        >
          {percent} %
        </span>
      </div>
      <UsageMeter
        label={`${name}, ${WINDOWS[window]}`}
        used={Number(used)}
        reserved={Number(reserved)}
        limit={Number(limit)}
      />
      <span className="flex flex-wrap items-center gap-2 text-muted text-xs">
        <span className="min-w-0 break-words">{name}</span>
        {isTest ? <Badge>test</Badge> : null}
      </span>
    </div>
  );
}
