import type { ReactNode } from "react";
import { CopyButton } from "./copy-button.tsx";

/** A secret that the server tells this once: it is held by the page that shows it and nowhere else. */
export function ShownOnce({
  what,
  value,
  children,
}: {
  readonly what: string;
  readonly value: string;
  readonly children?: ReactNode;
}) {
  return (
    <div className="flex flex-col gap-3 rounded-md border border-warn bg-warn-ground p-4">
      <p className="font-medium text-warn">
        Copy the {what} now. It is shown this once: only a keyed hash or a sealed copy of it is stored.
      </p>
      <div className="flex flex-wrap items-center gap-2">
        <output aria-label={what} className="min-w-0 break-all font-mono text-ink">
          {value}
        </output>
        <CopyButton text={value} what={what} />
      </div>
      {children}
    </div>
  );
}
