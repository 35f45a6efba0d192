import type { ReactNode } from "react";
import { Card } from "../ui/page.tsx";
import { ErrorState, LoadingState } from "../ui/states.tsx";

/** A card over one query: what it read, or how far it is, or why not. What is old stays while it is read again. */
export function LoadedCard<Data>({
  title,
  actions,
  query,
  children,
}: {
  readonly title: string;
  readonly actions?: ReactNode;
  readonly query: {
    readonly data: Data | undefined;
    readonly error: Error | null;
    readonly refetch: () => Promise<unknown>;
  };
  readonly children: (data: Data) => ReactNode;
}) {
  const { data, error, refetch } = query;
  return (
    <Card title={title} actions={actions}>
      {error === null ? null : <ErrorState error={error} onRetry={() => void refetch()} />}
      {data !== undefined ? children(data) : error === null ? <LoadingState /> : null}
    </Card>
  );
}
