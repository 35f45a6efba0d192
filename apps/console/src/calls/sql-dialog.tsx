import { useState } from "react";
import { Button } from "../ui/button.tsx";
import { TextAreaField } from "../ui/field.tsx";
import { Modal } from "../ui/modal.tsx";
import type { CallFilter } from "./call-filter.ts";
import { writeCallSql } from "./call-sql.ts";

/** Shows the filter as a query. Where the page may not write to the clipboard, the text can be taken by hand. */
export function SqlDialog({
  filter,
  isOpen,
  onOpenChange,
}: {
  readonly filter: CallFilter;
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}) {
  const [told, setTold] = useState("");
  const sql = writeCallSql(filter);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(sql);
      setTold("Copied.");
    } catch {
      setTold("The browser does not let this page write to the clipboard: select the text and copy it.");
    }
  };
  const change = (next: boolean) => {
    setTold("");
    onOpenChange(next);
  };
  return (
    <Modal
      title="The filter as SQL"
      description={
        <>
          Runs with <code>npx keybrake sql</code>, and with PostgreSQL in psql, word for word.
        </>
      }
      isOpen={isOpen}
      onOpenChange={change}
    >
      <TextAreaField label="Query" value={sql} onChange={() => undefined} readOnly rows={10} wrap="off" />
      <p role="status" className="text-muted">
        {told}
      </p>
      <div className="flex justify-end gap-2">
        <Button onClick={() => change(false)}>Close</Button>
        <Button tone="primary" onClick={() => void copy()}>
          Copy
        </Button>
      </div>
    </Modal>
  );
}
