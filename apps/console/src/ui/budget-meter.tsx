import { Meter } from "@base-ui/react/meter";
import type { ReactNode } from "react";

/** From this share on a cap is worth a look. */
export const CLOSE_SHARE = 0.8;

/** How much of a cap is used, from 0; above 1 where a vendor charged more than was held. The texts are exact, this is not. */
export function shareOf(used: string, limit: string): number {
  const most = Number(limit);
  return most === 0 ? (Number(used) > 0 ? 1 : 0) : Math.max(0, Number(used) / most);
}

/** A bar of a cap: what is used of it, in words beside it. */
export function BudgetMeter({
  label,
  used,
  limit,
  children,
}: {
  /** Whose cap it is, for who does not see the bar. */
  readonly label: string;
  readonly used: string;
  readonly limit: string;
  readonly children: ReactNode;
}) {
  const share = shareOf(used, limit);
  const percent = Math.floor(share * 100);
  const tone = share >= 1 ? "bg-bad" : share >= CLOSE_SHARE ? "bg-warn" : "bg-good";
  return (
    <div className="flex min-w-36 flex-col gap-1">
      <span className="flex flex-wrap justify-between gap-x-3 text-xs tabular-nums">
        <span className="text-muted">{children}</span>
        <span className={share >= CLOSE_SHARE ? (share >= 1 ? "text-bad" : "text-warn") : "text-muted"}>
          {percent} %
        </span>
      </span>
      <Meter.Root value={Math.min(100, percent)} aria-label={label} aria-valuetext={`${percent} %`}>
        <Meter.Track className="h-1.5 overflow-hidden rounded-full bg-raised">
          <Meter.Indicator className={`h-full ${tone}`} />
        </Meter.Track>
      </Meter.Root>
    </div>
  );
}
