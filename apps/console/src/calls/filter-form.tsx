import { CALL_STATES, DENIALS, DIRECTIONS, VENDOR_NAMES } from "@keybrake/core";
import { useState } from "react";
import { Button } from "../ui/button.tsx";
import { FilterSelect, type Filters, FilterText } from "../ui/filters.tsx";
import type { CallFilterName } from "./call-filter.ts";
import { TimeFields } from "./time-fields.tsx";

interface FieldSpec {
  readonly name: CallFilterName;
  readonly label: string;
  /** What one may choose; absent = any text. */
  readonly options?: readonly string[];
}

const FIRST: readonly FieldSpec[] = [
  { name: "agent_id", label: "Agent" },
  { name: "state", label: "State", options: CALL_STATES },
];
const FURTHER: readonly FieldSpec[] = [
  { name: "verdict", label: "Verdict", options: ["allow", "deny"] },
  { name: "denial_code", label: "Denial code", options: Object.keys(DENIALS) },
  { name: "crew_run_id", label: "Run" },
  { name: "vault_key_id", label: "Vault key (id)" },
  { name: "vendor", label: "Vendor", options: VENDOR_NAMES },
  { name: "endpoint", label: "Endpoint" },
  { name: "method", label: "Method", options: ["GET", "POST", "PUT", "PATCH", "DELETE"] },
  { name: "path", label: "Path, exactly" },
  { name: "status_code", label: "HTTP status" },
  { name: "min_cost_usd", label: "Cost at least ($)" },
  { name: "currency", label: "Currency" },
  { name: "direction", label: "Direction", options: DIRECTIONS },
  { name: "customer_id", label: "Customer" },
  { name: "vendor_request_id", label: "Vendor's request id" },
  { name: "vendor_object_id", label: "Vendor's object id" },
  { name: "replica", label: "Replica" },
  { name: "claimed", label: "Claims another agent or run", options: ["true"] },
];
const LABELS: Readonly<Partial<Record<string, string>>> = Object.fromEntries(
  FURTHER.map(({ name, label }) => [name, label]),
);

/** Chooses which calls are shown. */
export function FilterForm({
  filters,
  problems,
}: {
  readonly filters: Filters<CallFilterName>;
  /** What the server refused of it, by name. */
  readonly problems: Readonly<Record<string, string>>;
}) {
  const [isOpened, setIsOpened] = useState(false);
  const isOpen = isOpened || FURTHER.some(({ name }) => problems[name] !== undefined);
  const showFields = (fields: readonly FieldSpec[]) =>
    fields.map(({ name, label, options }) =>
      options === undefined ? (
        <FilterText key={name} filters={filters} name={name} label={label} error={problems[name]} />
      ) : (
        <FilterSelect
          key={name}
          filters={filters}
          name={name}
          label={label}
          options={options}
          error={problems[name]}
        />
      ),
    );
  return (
    <search className="flex flex-col gap-3">
      <div className="grid grid-cols-2 items-start gap-3 xl:grid-cols-[2fr_1fr_1fr_1fr]">
        <div className="max-xl:col-span-2">
          <FilterText filters={filters} name="q" label="Path or metadata" isMain error={problems["q"]} />
        </div>
        {showFields(FIRST)}
        <TimeFields filters={filters} problems={problems} />
      </div>
      {isOpen ? (
        <div
          id="further-filters"
          className="grid grid-cols-2 items-start gap-3 rounded-lg border border-line bg-surface p-4 lg:grid-cols-3 xl:grid-cols-4"
        >
          {showFields(FURTHER)}
        </div>
      ) : null}
      <div className="flex flex-wrap items-center gap-2">
        <Button aria-expanded={isOpen} aria-controls="further-filters" onClick={() => setIsOpened(!isOpen)}>
          {isOpen ? "Fewer filters" : "More filters"}
        </Button>
        <ActiveFilters filters={filters} />
      </div>
    </search>
  );
}

/** What filters now of what may be out of sight, each with a way to be rid of it. */
function ActiveFilters({ filters }: { readonly filters: Filters<CallFilterName> }) {
  const active = Object.entries(filters.values).filter(([name]) => LABELS[name] !== undefined);
  return (
    <>
      <ul aria-label="Filters" className="contents">
        {active.map(([name, value]) => (
          <li key={name} className="min-w-0">
            <button
              type="button"
              className="inline-flex min-h-9 max-w-full cursor-pointer items-center gap-1.5 rounded-md bg-raised px-2.5 py-1 text-xs"
              onClick={() => filters.set(name as CallFilterName, "")}
            >
              <span className="sr-only">Remove the filter </span>
              <span className="text-muted">{LABELS[name]}</span>{" "}
              <span className="min-w-0 truncate font-medium">{value}</span>
              <span aria-hidden="true">×</span>
            </button>
          </li>
        ))}
      </ul>
      {Object.keys(filters.values).length === 0 ? null : (
        <Button tone="quiet" onClick={filters.clear}>
          Clear filters
        </Button>
      )}
    </>
  );
}
