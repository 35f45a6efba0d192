import { Tabs as Base } from "@base-ui/react/tabs";
import type { ReactNode } from "react";

/** Several views of one thing, of which one is shown. */
export function Tabs({
  label,
  tabs,
}: {
  readonly label: string;
  readonly tabs: readonly { readonly id: string; readonly title: string; readonly content: ReactNode }[];
}) {
  return (
    <Base.Root defaultValue={tabs[0]?.id}>
      <Base.List aria-label={label} className="flex gap-1 border-line border-b">
        {tabs.map(({ id, title }) => (
          <Base.Tab
            key={id}
            value={id}
            className="cursor-pointer border-transparent border-b-2 px-3 py-2 text-muted data-active:border-accent data-active:font-semibold data-active:text-ink"
          >
            {title}
          </Base.Tab>
        ))}
      </Base.List>
      {tabs.map(({ id, content }) => (
        <Base.Panel key={id} value={id} className="pt-3">
          {content}
        </Base.Panel>
      ))}
    </Base.Root>
  );
}
