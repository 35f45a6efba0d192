import { type ComponentProps, type ReactNode, useId } from "react";

const CONTROL =
  "min-h-9 w-full rounded-md border border-line bg-surface px-2.5 py-1.5 text-ink placeholder:text-muted aria-invalid:border-bad";

interface FieldProps {
  readonly label: string;
  /** What one may enter, in a few words. */
  readonly hint?: ReactNode;
  /** What is wrong with what was entered. */
  readonly error?: string | undefined;
}

type Control<Tag extends "input" | "textarea" | "select"> = Omit<
  ComponentProps<Tag>,
  "onChange" | "value" | "id" | "className"
> & { readonly value: string; readonly onChange: (value: string) => void };

/** One line of text, with its label, hint and error. */
export function TextField({ label, hint, error, onChange, ...rest }: FieldProps & Control<"input">) {
  const control = useControl(hint, error);
  return (
    <FieldFrame id={control.id} label={label} hint={hint} error={error}>
      <input {...rest} {...control} onChange={(event) => onChange(event.target.value)} />
    </FieldFrame>
  );
}

/** Several lines of text. */
export function TextAreaField({ label, hint, error, onChange, ...rest }: FieldProps & Control<"textarea">) {
  const control = useControl(hint, error);
  return (
    <FieldFrame id={control.id} label={label} hint={hint} error={error}>
      <textarea
        rows={4}
        {...rest}
        {...control}
        className={`${CONTROL} font-mono text-xs`}
        onChange={(event) => onChange(event.target.value)}
      />
    </FieldFrame>
  );
}

/** One of a few choices. */
export function SelectField({
  label,
  hint,
  error,
  onChange,
  children,
  ...rest
}: FieldProps & Control<"select"> & { readonly children: ReactNode }) {
  const control = useControl(hint, error);
  return (
    <FieldFrame id={control.id} label={label} hint={hint} error={error}>
      <select {...rest} {...control} onChange={(event) => onChange(event.target.value)}>
        {children}
      </select>
    </FieldFrame>
  );
}

/** Yes or no. */
export function CheckboxField({
  label,
  hint,
  isChecked,
  onChange,
  disabled = false,
}: {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
  readonly isChecked: boolean;
  readonly onChange: (isChecked: boolean) => void;
  readonly disabled?: boolean;
}) {
  return (
    <label className="flex min-w-0 cursor-pointer items-start gap-2 has-disabled:cursor-not-allowed has-disabled:text-muted">
      <input
        type="checkbox"
        className="mt-0.5 size-4 shrink-0 accent-accent-strong"
        checked={isChecked}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span className="min-w-0">
        {label}
        {hint === undefined ? null : <span className="block text-muted text-xs">{hint}</span>}
      </span>
    </label>
  );
}

/** What ties a control to its label, hint and error. */
function useControl(hint: ReactNode, error: string | undefined) {
  const id = useId();
  const ids = [hint === undefined ? null : `${id}-hint`, error === undefined ? null : `${id}-error`];
  const describedBy = ids.filter((part) => part !== null).join(" ");
  return {
    id,
    className: CONTROL,
    "aria-invalid": error !== undefined,
    "aria-describedby": describedBy === "" ? undefined : describedBy,
  };
}

function FieldFrame({
  id,
  label,
  hint,
  error,
  children,
}: FieldProps & { readonly id: string; readonly children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children}
      {hint === undefined ? null : (
        <p id={`${id}-hint`} className="text-muted text-xs">
          {hint}
        </p>
      )}
      {error === undefined ? null : (
        <p id={`${id}-error`} role="alert" className="text-bad text-xs">
          {error}
        </p>
      )}
    </div>
  );
}
