import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Button } from "./button.tsx";
import { Modal } from "./modal.tsx";
import { describeError } from "./states.tsx";

/** Asks before something that cannot be taken back. `act` does it; afterwards everything is read again. */
export function Confirm({
  title,
  verb,
  act,
  onClose,
  isReady = true,
  children,
}: {
  readonly title: string;
  /** On the button: what happens. */
  readonly verb: string;
  readonly act: () => Promise<unknown>;
  readonly onClose: () => void;
  /** False while it is not known yet what it would do. */
  readonly isReady?: boolean;
  readonly children: ReactNode;
}) {
  const client = useQueryClient();
  const mutation = useMutation({
    mutationFn: act,
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries();
    },
  });
  return (
    <Modal
      title={title}
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
    >
      {children}
      <MutationError error={mutation.error} />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button
          tone="danger"
          isBusy={mutation.isPending}
          disabled={!isReady}
          onClick={() => mutation.mutate()}
        >
          {verb}
        </Button>
      </div>
    </Modal>
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
