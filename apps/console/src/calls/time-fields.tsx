import { useState } from "react";
import { PRESETS } from "../time-range.ts";
import { SelectField, TextField } from "../ui/field.tsx";
import { useTyped } from "../ui/typed.ts";
import type { CallFilter } from "./call-filter.ts";

/** Chooses a range that ends now, or one with two ends in the reader's own zone. */
export function TimeFields({
  filter,
  problems,
  onChange,
}: {
  readonly filter: CallFilter;
  readonly problems: Readonly<Record<string, string>>;
  readonly onChange: (changes: CallFilter) => void;
}) {
  const hasRange = filter.from !== undefined || filter.to !== undefined;
  const [wantsRange, setWantsRange] = useState(false);
  const isCustom = hasRange || (wantsRange && filter.last === undefined);
  return (
    <div className="flex min-w-0 flex-col gap-3">
      <SelectField
        label="Time"
        value={isCustom ? "custom" : (filter.last ?? "")}
        onChange={(value) => {
          setWantsRange(value === "custom");
          onChange(value === "custom" ? { last: "" } : { last: value, from: "", to: "" });
        }}
      >
        <option value="">Any time</option>
        {Object.entries(PRESETS).map(([preset, { label }]) => (
          <option key={preset} value={preset}>
            Last {label}
          </option>
        ))}
        <option value="custom">From … to …</option>
      </SelectField>
      {isCustom ? (
        <>
          <InstantField
            label="From"
            at={filter.from}
            error={problems["from"]}
            onChange={(from) => onChange({ from })}
          />
          <InstantField
            label="To"
            at={filter.to}
            error={problems["to"]}
            onChange={(to) => onChange({ to })}
          />
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
  const typed = useTyped(toLocal(at), (text) => onChange(toInstant(text)));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        typed.commit();
      }}
    >
      <TextField
        type="datetime-local"
        step={1}
        label={label}
        hint="Your own time zone"
        error={error}
        value={typed.text}
        onChange={typed.change}
        onBlur={typed.commit}
      />
    </form>
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
