import type { ComponentProps } from "react";

const TONES = {
  plain: "border border-line bg-surface text-ink hover:bg-raised",
  primary: "bg-accent-strong text-white hover:brightness-110",
  danger: "bg-brake text-white hover:brightness-110",
  quiet: "text-accent hover:bg-raised",
} as const;

/** A button. `isBusy` keeps it from being pressed twice while its work runs. */
export function Button({
  tone = "plain",
  isBusy = false,
  className = "",
  disabled,
  children,
  ...rest
}: ComponentProps<"button"> & { readonly tone?: keyof typeof TONES; readonly isBusy?: boolean }) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled === true || isBusy}
      aria-busy={isBusy}
      className={`${buttonClass(tone)} ${className}`}
    >
      {children}
      {isBusy ? "…" : ""}
    </button>
  );
}

/** The same look for a link. */
export function buttonClass(tone: keyof typeof TONES = "plain"): string {
  return `inline-flex min-h-9 cursor-pointer items-center justify-center gap-1.5 whitespace-nowrap rounded-md px-3 py-1.5 font-medium disabled:cursor-not-allowed disabled:opacity-60 ${TONES[tone]}`;
}
