import { type ReactNode, useEffect, useRef } from "react";
import { TextField } from "./field.tsx";
import { useTyped } from "./typed.ts";

/**
 * Looks for text. What was typed is asked for on Enter and when the field is left. `/` anywhere on the page brings the
 * focus here, so a page has one of these.
 */
export function SearchField({
  label,
  value,
  onSearch,
  error,
  hint,
}: {
  readonly label: string;
  /** What is looked for now. */
  readonly value: string;
  readonly onSearch: (text: string) => void;
  readonly error?: string | undefined;
  readonly hint?: ReactNode;
}) {
  const typed = useTyped(value, onSearch);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof Element && event.target.closest("input, textarea, select, [role=dialog]"))
        return;
      event.preventDefault();
      field.current?.focus();
    };
    document.addEventListener("keydown", focus);
    return () => document.removeEventListener("keydown", focus);
  }, []);
  return (
    <search>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          typed.commit();
        }}
      >
        <TextField
          ref={field}
          type="search"
          label={label}
          hint={hint}
          error={error}
          aria-keyshortcuts="/"
          placeholder="Press / to search"
          maxLength={200}
          autoComplete="off"
          value={typed.text}
          onChange={typed.change}
          onBlur={typed.commit}
        />
      </form>
    </search>
  );
}
