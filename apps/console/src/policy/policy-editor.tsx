import { useState } from "react";
import { Button } from "../ui/button.tsx";
import { TextAreaField } from "../ui/field.tsx";
import { type Policy, type PolicyDraft, readField, writeField } from "./draft.ts";
import { EndpointPicker } from "./endpoint-picker.tsx";
import { type FieldGroup, listFields } from "./fields.ts";
import { PolicyFieldControl } from "./policy-field-control.tsx";

/** What a policy is written in: its draft, and the JSON text while it is written as that. */
export interface PolicyEditing {
  readonly draft: PolicyDraft;
  readonly setDraft: (draft: PolicyDraft) => void;
  /** Null while the form is shown. */
  readonly json: string | null;
  /** Why the text is no policy yet; the draft is then an older one, and nothing may be sent. */
  readonly jsonError: string | undefined;
  readonly setJson: (text: string) => void;
  readonly showJson: (isJson: boolean) => void;
}

/** Starts to write a policy. */
export function usePolicyEditing(initial: PolicyDraft): PolicyEditing {
  const [draft, setDraft] = useState(initial);
  const [json, setText] = useState<string | null>(null);
  const [jsonError, setError] = useState<string>();
  return {
    draft,
    setDraft: (next) => {
      setDraft(next);
      setError(undefined);
      setText((text) => (text === null ? null : format(next)));
    },
    json,
    jsonError,
    setJson: (text) => {
      setText(text);
      const read = readJson(text);
      if (typeof read === "string") return setError(read);
      setError(undefined);
      setDraft(read);
    },
    showJson: (isJson) => setText(isJson ? format(draft) : null),
  };
}

/**
 * Writes a policy, in a form or as JSON. `problems` are the server's, by field such as `policy.daily_usd_cap`; with `parent`
 * each field tells how far a child may go.
 */
export function PolicyEditor({
  editing,
  problems,
  parent,
}: {
  readonly editing: PolicyEditing;
  readonly problems: Readonly<Record<string, string>>;
  readonly parent?: Policy | undefined;
}) {
  const { json, jsonError, setJson, showJson } = editing;
  const whole = problemsAt(problems, "policy.vendor").concat(problems["policy"] ?? []);
  return (
    <div className="flex flex-col gap-5">
      <div className="flex flex-wrap items-center justify-end gap-2">
        <Button disabled={json !== null && jsonError !== undefined} onClick={() => showJson(json === null)}>
          {json === null ? "Write it as JSON" : "Write it in the form"}
        </Button>
      </div>
      {whole.map((problem) => (
        <p key={problem} role="alert" className="text-bad">
          {problem}
        </p>
      ))}
      {json === null ? (
        <Form editing={editing} problems={problems} parent={parent} />
      ) : (
        <TextAreaField
          label="Policy as JSON"
          rows={18}
          spellCheck={false}
          value={json}
          onChange={setJson}
          error={jsonError ?? describe(problems)}
        />
      )}
    </div>
  );
}

const GROUPS: readonly (readonly [FieldGroup, string])[] = [
  ["caps", "Caps"],
  ["time", "Time and pace"],
  ["reach", "What it may touch"],
  ["vendor", "Rules of this vendor"],
];

function Form({
  editing: { draft, setDraft },
  problems,
  parent,
}: {
  readonly editing: PolicyEditing;
  readonly problems: Readonly<Record<string, string>>;
  readonly parent: Policy | undefined;
}) {
  const endpoints = readField(draft, "allowed_endpoints");
  return (
    <>
      <EndpointPicker
        vendor={draft.vendor}
        value={Array.isArray(endpoints) ? endpoints.map(String) : []}
        onChange={(value) => setDraft(writeField(draft, "allowed_endpoints", value))}
        errors={problemsAt(problems, "policy.allowed_endpoints")}
      />
      {GROUPS.map(([group, title]) => (
        <fieldset key={group}>
          <legend className="mb-2 font-medium">{title}</legend>
          <div className="grid items-start gap-x-4 gap-y-3 sm:grid-cols-2 xl:grid-cols-3">
            {listFields(group, draft.vendor).map(([path, field]) => (
              <PolicyFieldControl
                key={path}
                field={field}
                value={readField(draft, path)}
                onChange={(value) => setDraft(writeField(draft, path, value))}
                error={problemsAt(problems, `policy.${path}`)[0]}
                bound={describeBound(parent, path)}
              />
            ))}
          </div>
        </fieldset>
      ))}
    </>
  );
}

/** Every problem of a field, and of the entries of its list. */
function problemsAt(problems: Readonly<Record<string, string>>, path: string): readonly string[] {
  return Object.entries(problems)
    .filter(([field]) => field === path || field.startsWith(`${path}.`))
    .map(([, message]) => message);
}

function describe(problems: Readonly<Record<string, string>>): string | undefined {
  const own = Object.entries(problems).filter(([field]) => field.startsWith("policy."));
  return own.length === 0 ? undefined : own.map(([field, message]) => `${field}: ${message}`).join("; ");
}

function describeBound(parent: Policy | undefined, path: string): string | undefined {
  const value = parent === undefined ? undefined : readField(parent as unknown as PolicyDraft, path);
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function format(draft: PolicyDraft): string {
  return JSON.stringify(draft, null, 2);
}

/** The draft that a text is; a sentence when it is none. */
function readJson(text: string): PolicyDraft | string {
  try {
    const value: unknown = JSON.parse(text);
    const isDraft = typeof value === "object" && value !== null && "vendor" in value;
    return isDraft ? (value as PolicyDraft) : "must be an object with a `vendor`";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
