import { Link } from "@tanstack/react-router";
import { Code } from "../ui/values.tsx";

/** Another call, of which only the id is known. */
export function CallLinkById({ id }: { readonly id: string }) {
  return (
    <Link to="/calls/$id" params={{ id }} className="text-accent hover:underline">
      <Code>{id}</Code>
    </Link>
  );
}
