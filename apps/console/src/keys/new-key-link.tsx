import { Link } from "@tanstack/react-router";
import { useMay } from "../session.tsx";
import { Button, buttonClass } from "../ui/button.tsx";

/** The way to the form for a new key, or for a child of a key; disabled for who may not create one. */
export function NewKeyLink({ parentId }: { readonly parentId?: string }) {
  const text = parentId === undefined ? "New key" : "New child key";
  if (!useMay("admin"))
    return (
      <Button disabled title="needs the role admin">
        {text}
      </Button>
    );
  return (
    <Link
      to="/keys/new"
      search={parentId === undefined ? {} : { parent_id: parentId }}
      className={buttonClass("primary")}
    >
      {text}
    </Link>
  );
}
