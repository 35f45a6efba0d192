import { useEffect, useState } from "react";
import { CheckboxField, SelectField, TextAreaField, TextField } from "../ui/field.tsx";
import type { PolicyField } from "./fields.ts";

/** One field of a policy as it is entered. What is emptied is taken out of the policy. */
export function PolicyFieldControl({
  field,
  value,
  onChange,
  error,
  bound,
}: {
  readonly field: PolicyField;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  readonly error: string | undefined;
  /** What the parent key's policy says here; a child's may say no more. */
  readonly bound?: string | undefined;
}) {
  const hint = bound === undefined ? field.hint : `${field.hint} · parent: ${bound}`;
  const shared = { label: field.label, hint, error };
  const text = value === undefined ? "" : String(value);
  const write = (next: string) => onChange(next.trim() === "" ? undefined : next.trim());
  switch (field.kind) {
    case "usd":
      return <TextField {...shared} inputMode="decimal" value={text} onChange={write} />;
    case "text":
      return <TextField {...shared} value={text} onChange={write} />;
    case "count":
      return (
        <TextField
          {...shared}
          inputMode="numeric"
          value={text}
          onChange={(next) => onChange(readCount(next.trim()))}
        />
      );
    case "list":
      return (
        <ListField {...shared} value={Array.isArray(value) ? value.map(String) : []} onChange={onChange} />
      );
    case "flag":
      return (
        <CheckboxField
          label={field.label}
          hint={error === undefined ? hint : `${hint} · ${error}`}
          isChecked={value === true}
          onChange={(isChecked) => onChange(isChecked ? true : undefined)}
        />
      );
    case "unpriced":
      return (
        <SelectField {...shared} value={text} onChange={write}>
          <option value="">is refused (default)</option>
          <option value="deny">is refused</option>
          <option value="allow">is allowed</option>
        </SelectField>
      );
  }
}

/** A number, or what was typed instead: the policy engine says what is wrong with that. */
function readCount(text: string): unknown {
  if (text === "") return undefined;
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : text;
}

/** Several values, apart by commas, spaces or lines. */
function ListField({
  label,
  hint,
  error,
  value,
  onChange,
}: {
  readonly label: string;
  readonly hint: string;
  readonly error: string | undefined;
  readonly value: readonly string[];
  readonly onChange: (value: unknown) => void;
}) {
  const [text, setText] = useState(value.join(", "));
  const joined = value.join("\n");
  // A template or another policy may replace the list; what is being typed is left as it is.
  useEffect(() => {
    setText((typed) => (split(typed).join("\n") === joined ? typed : joined.split("\n").join(", ")));
  }, [joined]);
  return (
    <TextAreaField
      label={label}
      hint={hint}
      error={error}
      rows={2}
      value={text}
      onChange={(next) => {
        setText(next);
        const items = split(next);
        onChange(items.length === 0 ? undefined : items);
      }}
    />
  );
}

function split(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((item) => item !== "");
}
