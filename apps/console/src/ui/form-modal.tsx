import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Button } from "./button.tsx";
import { Modal } from "./modal.tsx";
import { MutationError, problemsByField } from "./states.tsx";

/**
 * A form over the page. `submit` sends it, and what it answers is kept nowhere, as it may be a secret; then everything is
 * read again and the form closes. `children` gets what the server found wrong, by field.
 */
export function FormModal({
  title,
  description,
  verb,
  tone = "primary",
  isReady,
  submit,
  onClose,
  children,
}: {
  readonly title: string;
  readonly description?: ReactNode;
  /** On the button: what happens. */
  readonly verb: string;
  /** `danger` for what cannot be taken back. */
  readonly tone?: "primary" | "danger";
  readonly isReady: boolean;
  readonly submit: () => Promise<unknown>;
  readonly onClose: () => void;
  readonly children: (problems: Readonly<Record<string, string>>) => ReactNode;
}) {
  const client = useQueryClient();
  const mutation = useMutation({
    mutationFn: async () => {
      await submit();
    },
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries();
    },
  });
  return (
    <Modal
      title={title}
      description={description}
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
    >
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          mutation.mutate();
        }}
      >
        {children(problemsByField(mutation.error))}
        <MutationError error={mutation.error} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" tone={tone} isBusy={mutation.isPending} disabled={!isReady}>
            {verb}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
