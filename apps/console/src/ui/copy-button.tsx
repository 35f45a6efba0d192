import { useState } from "react";
import { Button } from "./button.tsx";

/** Copies a text, and says whether it did. `what` names it for who does not see where the button stands. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setState("copied");
    } catch {
      // A page without https has no clipboard: the text is on the page and can be selected.
      setState("failed");
    }
  };
  return (
    <Button aria-label={`Copy ${what}`} onClick={() => void copy()}>
      <span aria-live="polite">
        {state === "idle" ? "Copy" : state === "copied" ? "Copied" : "Select and copy it"}
      </span>
    </Button>
  );
}
