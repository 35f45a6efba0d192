import type { ReactNode } from "react";
import { Usd } from "../ui/values.tsx";
import { useActivity } from "./activity.ts";
import { isClose, useCaps } from "./caps.ts";
import { useSpendToday } from "./spend-today.ts";
import { useUnknownCalls } from "./unknown-calls.ts";

/** The few numbers that say whether anything is to be done. */
export function Headline() {
  const spend = useSpendToday().data;
  const hours = useActivity("24h").data?.data;
  const unknown = useUnknownCalls().data;
  const close = useCaps().data?.caps.filter(isClose).length;
  const sum = (name: "allowed" | "denied") => hours?.reduce((total, hour) => total + hour[name], 0);
  return (
    <dl className="grid grid-cols-2 gap-3 md:grid-cols-5">
      <Figure
        name="Spent today"
        value={spend === undefined ? undefined : <Usd amount={spend.live} />}
        note={
          spend === undefined ? (
            ""
          ) : (
            <>
              in test mode <Usd amount={spend.test} />
            </>
          )
        }
      />
      <Figure name="Allowed" value={sum("allowed")?.toLocaleString("en-US")} note="calls, last 24 hours" />
      <Figure name="Denied" value={sum("denied")?.toLocaleString("en-US")} note="calls, last 24 hours" />
      <Figure
        name="Unknown"
        value={
          unknown === undefined
            ? undefined
            : `${unknown.data.length}${unknown.next_cursor === null ? "" : " or more"}`
        }
        note="calls without an outcome"
        isBad={(unknown?.data.length ?? 0) > 0}
      />
      <Figure
        name="Close to a cap"
        value={close?.toLocaleString("en-US")}
        note="80 % or more is used"
        isBad={(close ?? 0) > 0}
      />
    </dl>
  );
}

function Figure({
  name,
  value,
  note,
  isBad = false,
}: {
  readonly name: string;
  /** Undefined until it is known. */
  readonly value: ReactNode | undefined;
  readonly note: ReactNode;
  readonly isBad?: boolean;
}) {
  return (
    <div className="rounded-lg border border-line bg-surface px-4 py-3">
      <dt className="text-muted text-xs">{name}</dt>
      <dd className={`font-semibold text-xl tabular-nums ${isBad ? "text-bad" : ""}`}>{value ?? "…"}</dd>
      <dd className="text-muted text-xs">{note}</dd>
    </div>
  );
}
