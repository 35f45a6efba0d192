import { Meter } from "@base-ui/react/meter";

/** How much of a limit is used: the solid part is spent, the paler part is held. The numbers stand beside it. */
export function UsageMeter({
  label,
  used,
  reserved,
  limit,
}: {
  readonly label: string;
  /** All that counts, holds included; these three are numbers only to draw with. */
  readonly used: number;
  readonly reserved: number;
  readonly limit: number;
}) {
  const share = (value: number) => (limit <= 0 ? 100 : Math.max(0, Math.min(100, (value / limit) * 100)));
  const tone = share(used) >= 95 ? "bg-bad" : share(used) >= 80 ? "bg-warn" : "bg-accent";
  return (
    <Meter.Root
      value={Math.round(share(used))}
      aria-label={label}
      className="min-w-24"
      getAriaValueText={() => `${Math.round(share(used))} percent used`}
    >
      <Meter.Track className="relative h-2 overflow-hidden rounded-full bg-raised">
        <span
          className={`absolute inset-y-0 left-0 opacity-40 ${tone}`}
          style={{ width: `${share(used)}%` }}
        />
        <span
          className={`absolute inset-y-0 left-0 ${tone}`}
          style={{ width: `${share(used - reserved)}%` }}
        />
      </Meter.Track>
    </Meter.Root>
  );
}
