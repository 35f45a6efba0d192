import { Button } from "../ui/button.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { TextAreaField } from "../ui/field.tsx";
import { Modal } from "../ui/modal.tsx";
import type { CallFilter } from "./call-filter.ts";
import { writeCallSql } from "./call-sql.ts";

/** Shows the filter as a query, to be copied. */
export function SqlDialog({
  filter,
  isOpen,
  onOpenChange,
}: {
  readonly filter: CallFilter;
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}) {
  const sql = writeCallSql(filter);
  return (
    <Modal
      title="The filter as SQL"
      description={
        <>
          Runs with <code>npx keybrake sql</code>, and with PostgreSQL in psql, word for word.
        </>
      }
      isOpen={isOpen}
      onOpenChange={onOpenChange}
    >
      <TextAreaField label="Query" value={sql} onChange={() => undefined} readOnly rows={10} wrap="off" />
      <div className="flex justify-end gap-2">
        <Button onClick={() => onOpenChange(false)}>Close</Button>
        <CopyButton text={sql} what="the query" />
      </div>
    </Modal>
  );
}
