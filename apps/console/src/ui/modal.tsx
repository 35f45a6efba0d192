import { Dialog } from "@base-ui/react/dialog";
import { type ReactNode, useEffect, useRef, useState } from "react";

/** A dialog over the page: keeps the focus, closes on Escape, and gives the focus back. */
export function Modal({
  title,
  description,
  isOpen,
  onOpenChange,
  children,
}: {
  readonly title: string;
  readonly description?: ReactNode;
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
  readonly children: ReactNode;
}) {
  useFocusGivenBack(isOpen);
  return (
    <Dialog.Root open={isOpen} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 bg-black/50" />
        <Dialog.Popup className="fixed top-1/2 left-1/2 flex max-h-[calc(100dvh-2rem)] w-[min(34rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 flex-col gap-4 overflow-y-auto rounded-lg border border-line bg-surface p-5 text-ink shadow-xl">
          <Dialog.Title className="font-semibold text-lg">{title}</Dialog.Title>
          {description === undefined ? null : (
            <Dialog.Description render={<div />} className="text-muted">
              {description}
            </Dialog.Description>
          )}
          {children}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** A dialog that is taken away while it is open gives the focus back to where it was before; a closed one has done so. */
function useFocusGivenBack(isOpen: boolean): void {
  const [before] = useState(() => document.activeElement);
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    wasOpen.current = isOpen;
  });
  useEffect(
    () => () => {
      if (wasOpen.current && before instanceof HTMLElement) before.focus();
    },
    [before],
  );
}
