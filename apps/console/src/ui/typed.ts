import { useState } from "react";

/** What somebody types, until it counts: a text that is not asked for at every letter. */
export interface Typed {
  readonly text: string;
  readonly change: (text: string) => void;
  /** What was typed counts from now on; for Enter and for leaving the field. */
  readonly commit: () => void;
}

/** Holds what is typed over `value`, which counts now. `onCommit` is told only of another text. */
export function useTyped(value: string, onCommit: (text: string) => void): Typed {
  const [text, setText] = useState<string | null>(null);
  return {
    text: text ?? value,
    change: setText,
    commit: () => {
      if (text !== null && text.trim() !== value) onCommit(text.trim());
      setText(null);
    },
  };
}
