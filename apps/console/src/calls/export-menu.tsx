import { Menu } from "@base-ui/react/menu";
import { useState } from "react";
import { Button } from "../ui/button.tsx";
import { type CallFilter, toExportUrl } from "./call-filter.ts";
import { SqlDialog } from "./sql-dialog.tsx";

const ITEM =
  "flex cursor-pointer items-center gap-2 rounded px-3 py-1.5 outline-none data-highlighted:bg-raised";

/**
 * Takes what the filter shows out of the console: every matching row as a file, or the filter as a query. The files come
 * over links of this origin, so that the browser writes them to the disk as they arrive, however long they are.
 */
export function ExportMenu({ filter }: { readonly filter: CallFilter }) {
  const [isSqlShown, setIsSqlShown] = useState(false);
  // A preset counts back from when the menu is opened.
  const [openedAt, setOpenedAt] = useState(() => new Date());
  return (
    <>
      <Menu.Root onOpenChange={(isOpen) => isOpen && setOpenedAt(new Date())}>
        <Menu.Trigger render={<Button />}>Export</Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner sideOffset={4} align="end" className="z-10">
            <Menu.Popup className="min-w-48 rounded-md border border-line bg-surface p-1 text-ink shadow-lg">
              {(["csv", "ndjson"] as const).map((format) => (
                <Menu.LinkItem
                  key={format}
                  className={ITEM}
                  closeOnClick
                  href={toExportUrl(filter, format, openedAt)}
                  download={`calls.${format}`}
                >
                  Every row as {format.toUpperCase()}
                </Menu.LinkItem>
              ))}
              <Menu.Item className={ITEM} onClick={() => setIsSqlShown(true)}>
                Copy as SQL
              </Menu.Item>
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
      <SqlDialog filter={filter} isOpen={isSqlShown} onOpenChange={setIsSqlShown} />
    </>
  );
}
