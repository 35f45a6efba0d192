import type { Budget, CreateBudget } from "@keybrake/client";
import { useState } from "react";
import { api } from "../api.ts";
import { SelectField, TextField } from "../ui/field.tsx";
import { FormModal } from "../ui/form-modal.tsx";
import { SCOPE_TITLES } from "./budget-table.tsx";

type Scope = CreateBudget["scope"];
const SCOPES = ["agent_id", "crew_run_id", "secret", "installation"] as const satisfies readonly Scope[];
const VALUE_LABELS: Readonly<Record<Exclude<Scope, "installation">, string>> = {
  agent_id: "Agent",
  crew_run_id: "Run",
  secret: "Secret",
};

/** Makes a budget; with `budget` it changes that one's limit, which is all that can change. */
export function BudgetForm({
  budget,
  onClose,
}: {
  readonly budget: Budget | null;
  readonly onClose: () => void;
}) {
  const [scope, setScope] = useState<string>(budget?.scope ?? "agent_id");
  const [value, setValue] = useState(budget?.value ?? "");
  const [window, setWindow] = useState<string>(budget?.window ?? "daily");
  const [unit, setUnit] = useState<string>(budget?.unit ?? "usd");
  const [limit, setLimit] = useState(budget?.limit ?? "");
  const isNamed = scope !== "installation";
  const submit = () =>
    // The form's texts go as they are: the server says what is wrong with them, and it stands at the field.
    api.budgets.create({
      scope,
      window,
      ...(isNamed ? { value: value.trim() } : {}),
      ...(unit === "usd" ? { usd_cap: limit.trim() } : { call_cap: readCount(limit) }),
    } as CreateBudget);
  return (
    <FormModal
      title={budget === null ? "New budget" : "Change the limit"}
      description="What was already used in the present window counts. A call must fit every budget that covers it."
      verb={budget === null ? "Set the budget" : "Change the limit"}
      isReady={limit.trim() !== "" && (!isNamed || value.trim() !== "")}
      submit={submit}
      onClose={onClose}
    >
      {(problems) => (
        <div className="grid items-start gap-3 sm:grid-cols-2">
          <SelectField
            label="Over"
            value={scope}
            onChange={setScope}
            disabled={budget !== null}
            error={problems["scope"]}
          >
            {SCOPES.map((name) => (
              <option key={name} value={name}>
                {name === "installation" ? "the whole installation" : `one ${SCOPE_TITLES[name]}`}
              </option>
            ))}
          </SelectField>
          {isNamed ? (
            <TextField
              label={VALUE_LABELS[scope as keyof typeof VALUE_LABELS]}
              value={value}
              onChange={setValue}
              disabled={budget !== null}
              error={problems["value"]}
              autoComplete="off"
              required
            />
          ) : (
            <span />
          )}
          <SelectField
            label="Window"
            hint="days and months are UTC"
            value={window}
            onChange={setWindow}
            disabled={budget !== null}
            error={problems["window"]}
          >
            <option value="daily">a day</option>
            <option value="monthly">a month</option>
            <option value="total">in all</option>
          </SelectField>
          <SelectField label="Counts" value={unit} onChange={setUnit} disabled={budget !== null}>
            <option value="usd">dollars</option>
            <option value="calls">calls that change something</option>
          </SelectField>
          <TextField
            label={unit === "usd" ? "Limit in dollars" : "Limit in calls"}
            inputMode={unit === "usd" ? "decimal" : "numeric"}
            value={limit}
            onChange={setLimit}
            error={problems["usd_cap"] ?? problems["call_cap"]}
            required
          />
        </div>
      )}
    </FormModal>
  );
}

function readCount(text: string): unknown {
  return /^[0-9]{1,15}$/.test(text.trim()) ? Number(text) : text;
}
