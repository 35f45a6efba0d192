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
  readonly clear: () => void;
}

/** The filters of a page by their names in its address. */
export function useFilters<const Name extends string>(names: readonly Name[]): Filters<Name> {
  const search = useSearch({ strict: false }) as Readonly<Record<string, string>>;
  const navigate = useNavigate();
  const go = (next: Readonly<Record<string, string>>) =>
    void navigate({ to: ".", search: () => next, replace: true, resetScroll: false });
  const values = Object.fromEntries(
    names.flatMap((name) => (search[name] ? [[name, search[name]]] : [])),
  ) as Partial<Record<Name, string>>;
  return {
    values,
    set: (name, value) => {
      const { [name]: _, ...others } = search;
      go(value === "" ? others : { ...others, [name]: value });
    },
    clear: () =>
      go(Object.fromEntries(Object.entries(search).filter(([name]) => !names.includes(name as Name)))),
  };
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
    <search className="grid grid-cols-2 items-end gap-3 border-line border-b p-4 sm:grid-cols-3 lg:grid-cols-5">
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
}: {
  readonly filters: Filters<Name>;
  readonly name: Name;
  readonly label: string;
  readonly isMain?: boolean;
  readonly placeholder?: string;
}) {
  const value: string = filters.values[name] ?? "";
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  // The address may change without this field: by the way back, or when filters are cleared.
  useEffect(() => setText(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const frame = useSlash(isMain);
  return (
    <div ref={frame}>
      <TextField
        label={label}
        type="search"
        value={text}
        placeholder={placeholder ?? (isMain ? "press / to search" : "")}
        onChange={(next) => {
          setText(next);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => filters.set(name, next.trim()), SETTLE_MS);
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
}: {
  readonly filters: Filters<Name>;
  readonly name: Name;
  readonly label: string;
  readonly options: readonly string[];
}) {
  const value: string = filters.values[name] ?? "";
  const known = value === "" || options.includes(value) ? options : [value, ...options];
  return (
    <SelectField label={label} value={value} onChange={(next) => filters.set(name, next)}>
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
