import type { ReactNode } from "react";

/** Writes an exact amount of dollars, such as "-1234567.805", with separators; no digit is lost. */
export function formatUsd(text: string): string {
  const sign = text.startsWith("-") ? "−" : "";
  const [whole = "0", fraction = "00"] = text.replace("-", "").split(".");
  return `${sign}$${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${fraction}`;
}

/** An exact amount of dollars. */
export function Usd({ amount }: { readonly amount: string | null }) {
  return amount === null ? <Nothing /> : <span className="tabular-nums">{formatUsd(amount)}</span>;
}

/** A whole number with separators. */
export function Count({ value }: { readonly value: number | string }) {
  return <span className="tabular-nums">{Number(value).toLocaleString("en-US")}</span>;
}

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** An instant in the reader's own zone; hovering shows UTC, by which budgets are counted. */
export function Instant({ at }: { readonly at: string | null }) {
  if (at === null) return <Nothing />;
  return (
    <time dateTime={at} title={`${at.replace("T", " ").replace("Z", "")} UTC`} className="whitespace-nowrap">
      {LOCAL.format(new Date(at))}
    </time>
  );
}

/** In place of a value that does not exist. */
export function Nothing() {
  return (
    <span className="text-muted">
      <span aria-hidden="true">–</span>
      <span className="sr-only">none</span>
    </span>
  );
}

/** Something to be read letter by letter: an id, a path, a code. */
export function Code({ children }: { readonly children: ReactNode }) {
  return <code className="break-all font-mono text-xs">{children}</code>;
}

const TONES = {
  plain: "bg-raised text-ink",
  good: "bg-good-ground text-good",
  warn: "bg-warn-ground text-warn",
  bad: "bg-bad-ground text-bad",
} as const;
export type Tone = keyof typeof TONES;

/** A state in one word, told by its text and not by its colour alone. */
export function Badge({ tone = "plain", children }: { readonly tone?: Tone; readonly children: ReactNode }) {
  return (
    <span
      className={`inline-block whitespace-nowrap rounded px-1.5 py-0.5 font-medium text-xs ${TONES[tone]}`}
    >
      {children}
    </span>
  );
}

const STATE_TONES: Readonly<Record<string, Tone>> = {
  settled: "good",
  released: "plain",
  denied: "warn",
  unknown: "bad",
  reserved: "plain",
  active: "good",
  suspended: "bad",
  revoked: "bad",
  expired: "plain",
};

/** The state of a call or of a vault key. */
export function StateBadge({ state }: { readonly state: string }) {
  return <Badge tone={STATE_TONES[state] ?? "plain"}>{state}</Badge>;
}
