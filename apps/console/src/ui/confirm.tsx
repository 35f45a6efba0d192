import type { ReactNode } from "react";
import { FormModal } from "./form-modal.tsx";

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
  return (
    <FormModal title={title} verb={verb} tone="danger" isReady={isReady} submit={act} onClose={onClose}>
      {() => children}
    </FormModal>
  );
}
