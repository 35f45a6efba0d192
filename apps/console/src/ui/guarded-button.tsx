import type { ComponentProps } from "react";
import { type Role, useMay } from "../session.tsx";
import { Button } from "./button.tsx";

/** A button for what needs a role: who has less sees it disabled, and why. The server judges again. */
export function GuardedButton({ needs, ...rest }: { readonly needs: Role } & ComponentProps<typeof Button>) {
  return useMay(needs) ? (
    <Button {...rest} />
  ) : (
    <Button {...rest} disabled title={`needs the role ${needs}`} />
  );
}
