import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Button } from "./button.tsx";
import { SelectField, TextField } from "./field.tsx";

const SETTLE_MS = 250;

/** What a list is narrowed to. It stands in the page's address, so that it can be shared and come back to. */
export interface Filters<Name extends string> {
  /** Those that are set. */
  readonly values: Readonly<Partial<Record<Name, string>>>;
  readonly set: (name: Name, value: string) => void;
  /** Several at once; an empty text unsets. */
  readonly change: (values: Readonly<Partial<Record<Name, string>>>) => void;
  readonly clear: () => void;
}

/** The filters of a page by their names in its address. */
export function useFilters<const Name extends string>(names: readonly Name[]): Filters<Name> {
  const search = useSearch({ strict: false }) as Readonly<Record<string, string>>;
  const navigate = useNavigate();
  const change = (values: Readonly<Record<string, string | undefined>>) =>
    // What the address holds then, not when the typing began.
    void navigate({
      to: ".",
      search: (current: Readonly<Record<string, string>>) => setEntries({ ...current, ...values }),
      replace: true,
      resetScroll: false,
    });
  const values = setEntries(Object.fromEntries(names.map((name) => [name, search[name]])));
  return {
    values: values as Partial<Record<Name, string>>,
    set: (name, value) => change({ [name]: value }),
    change,
    clear: () => change(Object.fromEntries(names.map((name) => [name, ""]))),
  };
}

function setEntries(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  );
}

/** The filters above a list, and a way to be rid of them. */
export function FilterBar<Name extends string>({
  filters,
  children,
}: {
  readonly filters: Filters<Name>;
  readonly children: ReactNode;
}) {
  return (
    <search className="grid grid-cols-2 items-end gap-3 border-line border-b p-4 sm:grid-cols-[repeat(auto-fit,minmax(9rem,1fr))]">
      {children}
      {Object.keys(filters.values).length === 0 ? null : (
        <Button tone="quiet" className="justify-self-start" onClick={filters.clear}>
          Clear filters
        </Button>
      )}
    </search>
  );
}

/** Text that a list is narrowed to once its typing pauses. With `isMain`, the key `/` leads to it. */
export function FilterText<Name extends string>({
  filters,
  name,
  label,
  isMain = false,
  placeholder,
  error,
}: {
  readonly filters: Filters<Name>;
  readonly name: Name;
  readonly label: string;
  readonly isMain?: boolean;
  readonly placeholder?: string;
  readonly error?: string | undefined;
}) {
  const value: string = filters.values[name] ?? "";
  // What is typed stands over the value while the field has the focus: a slow answer takes no letter away.
  const [typed, setTyped] = useState<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const commit = (text: string) => {
    clearTimeout(timer.current);
    if (text.trim() !== value) filters.set(name, text.trim());
  };
  const frame = useSlash(isMain);
  return (
    <div ref={frame}>
      <TextField
        label={label}
        type="search"
        value={typed ?? value}
        error={error}
        autoComplete="off"
        spellCheck={false}
        placeholder={placeholder ?? (isMain ? "press / to search" : "")}
        onChange={(next) => {
          setTyped(next);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => commit(next), SETTLE_MS);
        }}
        onBlur={() => {
          if (typed !== null) commit(typed);
          setTyped(null);
        }}
      />
    </div>
  );
}

/** One of a few values, or any. */
export function FilterSelect<Name extends string>({
  filters,
  name,
  label,
  options,
  error,
}: {
  readonly filters: Filters<Name>;
  readonly name: Name;
  readonly label: string;
  readonly options: readonly string[];
  readonly error?: string | undefined;
}) {
  const value: string = filters.values[name] ?? "";
  const known = value === "" || options.includes(value) ? options : [value, ...options];
  return (
    <SelectField label={label} value={value} error={error} onChange={(next) => filters.set(name, next)}>
      <option value="">any</option>
      {known.map((option) => (
        <option key={option} value={option}>
          {option.replaceAll("_", " ")}
        </option>
      ))}
    </SelectField>
  );
}

/** Has `/` move the focus to the field in the frame, unless something is being typed elsewhere. */
function useSlash(isOn: boolean) {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOn) return;
    const focus = (event: KeyboardEvent) => {
      const at = event.target as HTMLElement;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (at.matches("input, textarea, select, [contenteditable]")) return;
      event.preventDefault();
      frame.current?.querySelector("input")?.focus();
    };
    document.addEventListener("keydown", focus);
    return () => document.removeEventListener("keydown", focus);
  }, [isOn]);
  return frame;
}
