import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "../api.ts";
import { GuardedButton } from "../ui/guarded-button.tsx";
import { Card, Facts } from "../ui/page.tsx";
import { ErrorState, LoadingState, MutationError } from "../ui/states.tsx";
import { Badge, Code, Count, Instant, Nothing } from "../ui/values.tsx";

/** Which master key seals what is stored, by its public id, and how far a change of it is. */
export function MasterKey() {
  const client = useQueryClient();
  const query = useQuery({ queryKey: ["master-key"], queryFn: () => api.masterKey.get() });
  const rotate = useMutation({
    mutationFn: () => api.masterKey.rotate(),
    onSuccess: (state) => client.setQueryData(["master-key"], state),
  });
  const state = query.data;
  const isPending = state !== undefined && state.configured_ids[0] !== state.active_id;
  return (
    <Card
      title="Master key"
      actions={
        isPending || (state !== undefined && state.remaining > 0) ? (
          <GuardedButton needs="admin" isBusy={rotate.isPending} onClick={() => rotate.mutate()}>
            Seal everything under the configured key
          </GuardedButton>
        ) : undefined
      }
    >
      {query.error === null ? null : <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending ? <LoadingState /> : null}
      <div className="px-4 pt-4 empty:hidden">
        <MutationError error={rotate.error} />
      </div>
      {state === undefined ? null : (
        <Facts
          facts={[
            [
              "State",
              isPending ? (
                <Badge key="state" tone="warn">
                  another key is configured and does not seal yet
                </Badge>
              ) : state.remaining > 0 ? (
                <Badge key="state" tone="warn">
                  a change is under way
                </Badge>
              ) : (
                <Badge key="state" tone="good">
                  everything is sealed under it
                </Badge>
              ),
            ],
            ["Seals now", <Code key="active">{state.active_id}</Code>],
            [
              "Before it",
              state.previous_id === null ? (
                <Nothing key="previous" />
              ) : (
                <Code key="previous">{state.previous_id}</Code>
              ),
            ],
            ["This replica has", <Code key="configured">{state.configured_ids.join(", ")}</Code>],
            ["Still under another key", <Count key="remaining" value={state.remaining} />],
            ["Last change begun", <Instant key="begun" at={state.begun_at} />],
            ["Last change finished", <Instant key="finished" at={state.finished_at} />],
            ["How to change it", <Code key="how">KEYBRAKE_MASTER_KEY, KEYBRAKE_MASTER_KEY_PREVIOUS</Code>],
          ]}
        />
      )}
    </Card>
  );
}
