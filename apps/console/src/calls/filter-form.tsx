import { CALL_STATES, DENIALS, DIRECTIONS, VENDOR_NAMES } from "@keybrake/core";
import { useState } from "react";
import { Button } from "../ui/button.tsx";
import { SelectField, TextField } from "../ui/field.tsx";
import { SearchField } from "../ui/search-field.tsx";
import { useTyped } from "../ui/typed.ts";
import { type CallFilter, type CallFilterName, changeCallFilter } from "./call-filter.ts";
import { TimeFields } from "./time-fields.tsx";

interface FieldSpec {
  readonly name: CallFilterName;
  readonly label: string;
  /** What one may choose; absent = any text. */
  readonly choices?: readonly string[];
  readonly inputMode?: "numeric" | "decimal";
}

const FIRST: readonly FieldSpec[] = [
  { name: "agent_id", label: "Agent" },
  { name: "state", label: "State", choices: CALL_STATES },
];
const FURTHER: readonly FieldSpec[] = [
  { name: "verdict", label: "Verdict", choices: ["allow", "deny"] },
  { name: "denial_code", label: "Denial code", choices: Object.keys(DENIALS) },
  { name: "crew_run_id", label: "Run" },
  { name: "vault_key_id", label: "Vault key's id" },
  { name: "vendor", label: "Vendor", choices: VENDOR_NAMES },
  { name: "endpoint", label: "Endpoint" },
  { name: "method", label: "Method", choices: ["GET", "POST", "PUT", "PATCH", "DELETE"] },
  { name: "path", label: "Path" },
  { name: "status_code", label: "HTTP status", inputMode: "numeric" },
  { name: "min_cost_usd", label: "Cost at least ($)", inputMode: "decimal" },
  { name: "currency", label: "Currency" },
  { name: "direction", label: "Direction", choices: DIRECTIONS },
  { name: "customer_id", label: "Customer" },
  { name: "vendor_request_id", label: "Vendor's request id" },
  { name: "vendor_object_id", label: "Vendor's object id" },
  { name: "replica", label: "Replica" },
  { name: "claimed", label: "Claims another agent or run", choices: ["true"] },
];
const LABELS: Readonly<Partial<Record<CallFilterName, string>>> = Object.fromEntries([
  ["q", "Text"],
  ["from", "From"],
  ["to", "To"],
  ["last", "Last"],
  ...[...FIRST, ...FURTHER].map(({ name, label }) => [name, label]),
]);

/** Chooses which calls are shown. Each choice counts at once; a text on Enter or when its field is left. */
export function FilterForm({
  filter,
  problems,
  onChange,
}: {
  readonly filter: CallFilter;
  /** What the server refused of it, by name. */
  readonly problems: Readonly<Record<string, string>>;
  readonly onChange: (filter: CallFilter) => void;
}) {
  const isRefused = FURTHER.some(({ name }) => problems[name] !== undefined);
  const [isOpen, setIsOpen] = useState(false);
  const change = (changes: CallFilter) => onChange(changeCallFilter(filter, changes));
  const showFields = (fields: readonly FieldSpec[]) =>
    fields.map((spec) => (
      <FilterField
        key={spec.name}
        spec={spec}
        value={filter[spec.name] ?? ""}
        error={problems[spec.name]}
        onChange={(value) => change({ [spec.name]: value })}
      />
    ));
  return (
    <div className="flex flex-col gap-3">
      <div className="grid items-start gap-3 sm:grid-cols-2 xl:grid-cols-[2fr_1fr_1fr_1fr]">
        <SearchField
          label="Path or metadata"
          value={filter.q ?? ""}
          error={problems["q"]}
          onSearch={(q) => change({ q })}
        />
        <TimeFields filter={filter} problems={problems} onChange={change} />
        {showFields(FIRST)}
      </div>
      {isOpen || isRefused ? (
        <div
          id="further-filters"
          className="grid items-start gap-3 rounded-lg border border-line bg-surface p-4 sm:grid-cols-2 lg:grid-cols-3 xl:grid-cols-4"
        >
          {showFields(FURTHER)}
        </div>
      ) : null}
      <div className="flex flex-wrap items-center gap-2">
        <Button
          aria-expanded={isOpen || isRefused}
          aria-controls="further-filters"
          onClick={() => setIsOpen(!isOpen)}
        >
          {isOpen || isRefused ? "Fewer filters" : "More filters"}
        </Button>
        <ActiveFilters filter={filter} onRemove={(name) => change({ [name]: "" })} />
        {Object.keys(filter).length < 2 ? null : (
          <Button tone="quiet" onClick={() => onChange({})}>
            Remove all
          </Button>
        )}
      </div>
    </div>
  );
}

function FilterField({
  spec: { name, label, choices, inputMode },
  value,
  error,
  onChange,
}: {
  readonly spec: FieldSpec;
  readonly value: string;
  readonly error: string | undefined;
  readonly onChange: (value: string) => void;
}) {
  const typed = useTyped(value, onChange);
  if (choices !== undefined)
    return (
      <SelectField label={label} name={name} value={value} error={error} onChange={onChange}>
        <option value="">Any</option>
        {[...new Set([...choices, ...(value === "" ? [] : [value])])].map((choice) => (
          <option key={choice} value={choice}>
            {choice === "true" ? "yes" : choice}
          </option>
        ))}
      </SelectField>
    );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        typed.commit();
      }}
    >
      <TextField
        label={label}
        name={name}
        error={error}
        inputMode={inputMode}
        autoComplete="off"
        spellCheck={false}
        value={typed.text}
        onChange={typed.change}
        onBlur={typed.commit}
      />
    </form>
  );
}

/** What filters now, each with a way to be rid of it. */
function ActiveFilters({
  filter,
  onRemove,
}: {
  readonly filter: CallFilter;
  readonly onRemove: (name: CallFilterName) => void;
}) {
  const active = Object.entries(filter) as [CallFilterName, string][];
  if (active.length === 0) return null;
  return (
    <ul aria-label="Filters" className="flex min-w-0 flex-wrap gap-2">
      {active.map(([name, value]) => (
        <li key={name} className="min-w-0">
          <button
            type="button"
            className="inline-flex min-h-9 max-w-full cursor-pointer items-center gap-1.5 rounded-md bg-raised px-2.5 py-1 text-xs hover:brightness-95"
            aria-label={`Remove the filter ${LABELS[name]} ${value}`}
            onClick={() => onRemove(name)}
          >
            <span className="text-muted">{LABELS[name]}</span>
            <span className="min-w-0 truncate font-medium">{value}</span>
            <span aria-hidden="true">×</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
