import { KeybrakeApiError, KeybrakeConnectionError } from "@keybrake/client";
import type { ReactNode } from "react";
import { Button } from "./button.tsx";

/** While the first answer is on its way. */
export function LoadingState({ label = "Loading" }: { readonly label?: string }) {
  return (
    <p role="status" className="p-6 text-center text-muted">
      {label}…
    </p>
  );
}

/** Where there is nothing yet: says so, and what would bring something. */
export function EmptyState({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-2 p-8 text-center">
      <p className="font-medium">{title}</p>
      {children === undefined ? null : <div className="max-w-prose text-muted">{children}</div>}
    </div>
  );
}

/** What went wrong, in words, with its code, and a way to try again. */
export function ErrorState({ error, onRetry }: { readonly error: Error; readonly onRetry?: () => void }) {
  return (
    <div
      role="alert"
      className="m-4 flex flex-col items-start gap-2 rounded-md border border-bad bg-bad-ground p-4"
    >
      <p className="text-bad">{describeError(error)}</p>
      {onRetry === undefined ? null : <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}

/** Why a change was refused; nothing while it was not. */
export function MutationError({ error }: { readonly error: Error | null }) {
  return error === null ? null : (
    <p role="alert" className="text-bad">
      {describeError(error)}
    </p>
  );
}

/** An error in words for whoever looks at the page. */
export function describeError(error: Error): string {
  if (error instanceof KeybrakeConnectionError)
    return "The server does not answer. What you see may be old; nothing is lost.";
  if (!(error instanceof KeybrakeApiError)) return `The console failed: ${error.message}`;
  const problems = error.problems ?? [];
  const fields = problems.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
  return fields.length === 0 ? `${error.detail} (${error.code})` : `${fields.join("; ")} (${error.code})`;
}

/** The problems of a refused form by field, such as `policy.daily_usd_cap`; empty for every other error. */
export function problemsByField(error: Error | null): Readonly<Record<string, string>> {
  if (!(error instanceof KeybrakeApiError)) return {};
  return Object.fromEntries((error.problems ?? []).map(({ field, message }) => [field, message]));
}
