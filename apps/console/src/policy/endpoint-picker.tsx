import type { EndpointEntry } from "@keybrake/client";
import { useState } from "react";
import { Button } from "../ui/button.tsx";
import { CheckboxField, TextField } from "../ui/field.tsx";
import { ErrorState, LoadingState } from "../ui/states.tsx";
import { Badge, Code } from "../ui/values.tsx";
import type { VendorName } from "../vendors.ts";
import { ENDPOINT_GROUPS, groupOf, isFound, patternOf, useCatalogue } from "./endpoint-catalogue.ts";

/** So many entries of a group are drawn; the search finds the others. */
const SHOWN_MAX = 40;

/** What a key may call: chosen from the vendor's catalogue, or typed as a pattern. Nothing chosen = nothing allowed. */
export function EndpointPicker({
  vendor,
  value,
  onChange,
  errors,
}: {
  readonly vendor: VendorName;
  readonly value: readonly string[];
  readonly onChange: (value: readonly string[]) => void;
  /** What the server finds wrong, one sentence each. */
  readonly errors: readonly string[];
}) {
  const [search, setSearch] = useState("");
  const catalogue = useCatalogue(vendor);
  const add = (entry: string) => {
    if (!value.includes(entry)) onChange([...value, entry]);
  };
  const remove = (entries: readonly string[]) => onChange(value.filter((item) => !entries.includes(item)));
  return (
    <fieldset className="flex flex-col gap-3">
      <legend className="mb-1 font-medium">Allowed endpoints</legend>
      <Chosen value={value} onRemove={(entry) => remove([entry])} />
      {errors.map((error) => (
        <p key={error} role="alert" className="text-bad text-xs">
          {error}
        </p>
      ))}
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField
          label="Search the catalogue"
          type="search"
          value={search}
          onChange={setSearch}
          placeholder="refund, customers, POST …"
        />
        <PatternField onAdd={add} />
      </div>
      {catalogue.isPending ? <LoadingState /> : null}
      {catalogue.error === null ? null : <ErrorState error={catalogue.error} />}
      <Groups
        entries={catalogue.data ?? []}
        search={search}
        value={value}
        onChoose={(entry, isChosen) =>
          isChosen ? add(patternOf(entry)) : remove([patternOf(entry), entry.operation])
        }
      />
    </fieldset>
  );
}

function Chosen({
  value,
  onRemove,
}: {
  readonly value: readonly string[];
  readonly onRemove: (entry: string) => void;
}) {
  if (value.length === 0) return <p className="text-warn">Nothing is allowed yet.</p>;
  return (
    <ul aria-label="Chosen endpoints" className="flex flex-wrap gap-2">
      {value.map((entry) => (
        <li key={entry} className="flex min-w-0 items-center gap-1 rounded-md bg-raised py-0.5 pr-0.5 pl-2">
          <Code>{entry}</Code>
          <button
            type="button"
            aria-label={`Remove ${entry}`}
            className="size-7 cursor-pointer rounded text-muted hover:text-ink"
            onClick={() => onRemove(entry)}
          >
            ×
          </button>
        </li>
      ))}
    </ul>
  );
}

function PatternField({ onAdd }: { readonly onAdd: (entry: string) => void }) {
  const [pattern, setPattern] = useState("");
  const add = () => {
    if (pattern.trim() === "") return;
    onAdd(pattern.trim());
    setPattern("");
  };
  return (
    <div className="flex items-start gap-2">
      <div className="min-w-0 flex-1">
        <TextField
          label="Pattern by hand"
          hint="METHOD /path; * is one part of it, ** any number at its end; or an operation's name"
          value={pattern}
          onChange={setPattern}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            // Enter adds the pattern; it does not send the form.
            event.preventDefault();
            add();
          }}
        />
      </div>
      <Button className="mt-6" onClick={add}>
        Add
      </Button>
    </div>
  );
}

function Groups({
  entries,
  search,
  value,
  onChoose,
}: {
  readonly entries: readonly EndpointEntry[];
  readonly search: string;
  readonly value: readonly string[];
  readonly onChoose: (entry: EndpointEntry, isChosen: boolean) => void;
}) {
  const found = entries.filter((entry) => isFound(entry, search));
  const isSearching = search.trim() !== "";
  return ENDPOINT_GROUPS.map(([group, title]) => {
    const members = found.filter((entry) => groupOf(entry) === group);
    if (members.length === 0) return null;
    return (
      <details key={`${group} ${isSearching}`} open={isSearching} className="rounded-md border border-line">
        <summary className="cursor-pointer px-3 py-2">
          {title} <Badge>{members.length}</Badge>
        </summary>
        <ul className="flex max-h-80 flex-col gap-2 overflow-y-auto border-line border-t p-3">
          {members.slice(0, SHOWN_MAX).map((entry) => (
            <li key={entry.operation}>
              <CheckboxField
                label={<Code>{`${entry.method} ${entry.path}`}</Code>}
                hint={entry.money}
                disabled={group === "forbidden"}
                isChecked={value.includes(patternOf(entry)) || value.includes(entry.operation)}
                onChange={(isChosen) => onChoose(entry, isChosen)}
              />
            </li>
          ))}
          {members.length > SHOWN_MAX ? (
            <li className="text-muted">{members.length - SHOWN_MAX} more: search to see them.</li>
          ) : null}
        </ul>
      </details>
    );
  });
}
