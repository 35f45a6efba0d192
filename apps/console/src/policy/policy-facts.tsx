import { Facts } from "../ui/page.tsx";
import { Code } from "../ui/values.tsx";
import { type Policy, type PolicyDraft, readField } from "./draft.ts";
import { labelOf, listAllFields } from "./fields.ts";

/** A policy to be read: what it allows, and what it says beyond that. */
export function PolicyFacts({ policy }: { readonly policy: Policy }) {
  const draft = policy as unknown as PolicyDraft;
  const endpoints = policy.allowed_endpoints ?? [];
  const rules = listAllFields(draft.vendor).flatMap((path) => {
    const value = readField(draft, path);
    return value === undefined ? [] : [[labelOf(path), show(value)] as const];
  });
  return (
    <Facts
      facts={[
        [
          "Allowed endpoints",
          endpoints.length === 0 ? (
            "none: every call is refused"
          ) : (
            <ul className="flex flex-col gap-0.5">
              {endpoints.map((entry) => (
                <li key={entry}>
                  <Code>{entry}</Code>
                </li>
              ))}
            </ul>
          ),
        ],
        ...rules,
      ]}
    />
  );
}

function show(value: unknown): string {
  if (value === true) return "yes";
  return Array.isArray(value) ? value.join(", ") : String(value);
}
