import { useState } from "react";
import { PRESETS } from "../time-range.ts";
import { SelectField, TextField } from "../ui/field.tsx";
import type { Filters } from "../ui/filters.tsx";
import type { CallFilterName } from "./call-filter.ts";

/** Chooses a range that ends now, or one with two ends in the reader's own zone. */
export function TimeFields({
  filters: { values, change },
  problems,
}: {
  readonly filters: Filters<CallFilterName>;
  readonly problems: Readonly<Record<string, string>>;
}) {
  const [wantsEnds, setWantsEnds] = useState(false);
  const hasEnds = values.from !== undefined || values.to !== undefined || wantsEnds;
  const isCustom = values.last === undefined && hasEnds;
  return (
    <div className="flex min-w-0 flex-col gap-3 max-xl:col-span-2">
      <SelectField
        label="Time"
        value={isCustom ? "custom" : (values.last ?? "")}
        error={problems["last"]}
        onChange={(value) => {
          setWantsEnds(value === "custom");
          change(value === "custom" ? { last: "" } : { last: value, from: "", to: "" });
        }}
      >
        <option value="">any</option>
        {Object.entries(PRESETS).map(([preset, { label }]) => (
          <option key={preset} value={preset}>
            last {label}
          </option>
        ))}
        <option value="custom">from … to …</option>
      </SelectField>
      {isCustom ? (
        <>
          <InstantField
            label="From"
            at={values.from}
            error={problems["from"]}
            onChange={(from) => change({ from })}
          />
          <InstantField label="To" at={values.to} error={problems["to"]} onChange={(to) => change({ to })} />
        </>
      ) : null}
    </div>
  );
}

function InstantField({
  label,
  at,
  error,
  onChange,
}: {
  readonly label: string;
  readonly at: string | undefined;
  readonly error: string | undefined;
  readonly onChange: (instant: string) => void;
}) {
  return (
    <TextField
      type="datetime-local"
      step={1}
      label={label}
      hint="your own time zone"
      error={error}
      value={toLocal(at)}
      onChange={(text) => onChange(toInstant(text))}
    />
  );
}

/** An instant as a field for local times holds it, to the second; empty when it is none. */
function toLocal(at: string | undefined): string {
  const instant = new Date(at ?? "");
  if (Number.isNaN(instant.getTime())) return "";
  return new Date(instant.getTime() - instant.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function toInstant(local: string): string {
  const instant = new Date(local);
  return Number.isNaN(instant.getTime()) ? "" : instant.toISOString();
}
