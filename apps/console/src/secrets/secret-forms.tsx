import type { CreateSecret, Secret } from "@keybrake/client";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api.ts";
import { Confirm } from "../ui/confirm.tsx";
import { SelectField, TextField } from "../ui/field.tsx";
import { FormModal } from "../ui/form-modal.tsx";
import { ErrorState, LoadingState } from "../ui/states.tsx";
import { VENDOR_TITLES, VENDORS } from "../vendors.ts";

const KEYS_SHOWN_MAX = 1_000;
/** The field of a credential: it goes out with one request, and no browser is to keep it. */
const WRITE_ONLY = { type: "password", autoComplete: "off", spellCheck: false } as const;

/** Stores a credential. */
export function NewSecretForm({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState("");
  const [vendor, setVendor] = useState("stripe");
  const [value, setValue] = useState("");
  const [accountId, setAccountId] = useState("");
  const [mode, setMode] = useState("");
  const [pace, setPace] = useState("");
  const submit = () =>
    api.secrets.create({
      name: name.trim(),
      vendor,
      value: value.trim(),
      ...(accountId.trim() === "" ? {} : { account_id: accountId.trim() }),
      ...(mode === "" ? {} : { mode }),
      ...(pace.trim() === "" ? {} : { requests_per_second: readNumber(pace) }),
    } as CreateSecret);
  return (
    <FormModal
      title="Add a secret"
      description="The vendor's real credential. It is sealed and never shown again; agents get vault keys instead."
      verb="Store the secret"
      isReady={name.trim() !== "" && value.trim() !== ""}
      submit={submit}
      onClose={onClose}
    >
      {(problems) => (
        <div className="grid items-start gap-3 sm:grid-cols-2">
          <TextField
            label="Name"
            hint="such as stripe-live"
            value={name}
            onChange={setName}
            error={problems["name"]}
            autoComplete="off"
            required
          />
          <SelectField label="Vendor" value={vendor} onChange={setVendor} error={problems["vendor"]}>
            {VENDORS.map((entry) => (
              <option key={entry} value={entry}>
                {VENDOR_TITLES[entry]}
              </option>
            ))}
          </SelectField>
          <TextField
            {...WRITE_ONLY}
            label="Value"
            value={value}
            onChange={setValue}
            error={problems["value"]}
            required
          />
          <TextField
            label="Account"
            hint={vendor === "twilio" ? "the Account SID, AC…" : "optional: the vendor's account"}
            value={accountId}
            onChange={setAccountId}
            error={problems["account_id"]}
            autoComplete="off"
          />
          <SelectField label="Moves" value={mode} onChange={setMode} error={problems["mode"]}>
            <option value="">as the credential says, else real money</option>
            <option value="live">real money (live)</option>
            <option value="test">no money (test)</option>
          </SelectField>
          <TextField
            label="Requests a second"
            hint="optional: how fast the vendor may be asked with it"
            inputMode="decimal"
            value={pace}
            onChange={setPace}
            error={problems["requests_per_second"]}
          />
        </div>
      )}
    </FormModal>
  );
}

/** Replaces a credential's value. */
export function RotateForm({ secret, onClose }: { readonly secret: Secret; readonly onClose: () => void }) {
  const [value, setValue] = useState("");
  return (
    <FormModal
      title={`Rotate ${secret.name}`}
      description="Calls that are decided from now on use the new value. Vault keys stay as they are."
      verb="Replace the value"
      isReady={value.trim() !== ""}
      submit={() => api.secrets.rotate(secret.name, { value: value.trim() })}
      onClose={onClose}
    >
      {(problems) => (
        <TextField
          {...WRITE_ONLY}
          label="New value"
          value={value}
          onChange={setValue}
          error={problems["value"]}
          required
        />
      )}
    </FormModal>
  );
}

/** Sets how fast the vendor may be asked with a credential. */
export function PaceForm({ secret, onClose }: { readonly secret: Secret; readonly onClose: () => void }) {
  const [pace, setPace] = useState(secret.requests_per_second?.toString() ?? "");
  return (
    <FormModal
      title={`How fast ${secret.vendor} may be asked with ${secret.name}`}
      description="Calls wait for their turn, fairly among agents. It holds for every call that has not had its turn."
      verb="Set the pace"
      isReady
      submit={() =>
        api.secrets.update(secret.name, {
          requests_per_second: pace.trim() === "" ? null : (readNumber(pace) as number),
        })
      }
      onClose={onClose}
    >
      {(problems) => (
        <TextField
          label="Requests a second"
          hint="empty = as the server's settings say, else as the vendor documents it"
          inputMode="decimal"
          value={pace}
          onChange={setPace}
          error={problems["requests_per_second"]}
        />
      )}
    </FormModal>
  );
}

/** Asks before a credential is erased, and says which keys stop then. */
export function DeleteSecret({ secret, onClose }: { readonly secret: Secret; readonly onClose: () => void }) {
  const keys = useQuery({
    queryKey: ["vault-keys", "of-secret", secret.name],
    queryFn: () => api.vaultKeys.list({ secret: secret.name, status: "active", limit: KEYS_SHOWN_MAX }),
    staleTime: 0,
  });
  const active = keys.data?.data ?? [];
  const more = keys.data?.next_cursor == null ? "" : " or more";
  return (
    <Confirm
      title={`Erase ${secret.name}?`}
      verb="Erase the secret"
      act={() => api.secrets.delete(secret.name)}
      onClose={onClose}
      isReady={keys.isSuccess}
    >
      {keys.error === null ? null : <ErrorState error={keys.error} />}
      {keys.isPending ? <LoadingState label="Looking which keys stop" /> : null}
      {keys.isSuccess && active.length === 0 ? <p>No active vault key uses it.</p> : null}
      {active.length === 0 ? null : (
        <>
          <p className="font-medium text-bad">
            {active.length}
            {more} active vault {active.length === 1 ? "key stops" : "keys stop"} at once:
          </p>
          <ul aria-label="Keys that stop" className="max-h-48 list-disc overflow-y-auto pl-5">
            {active.map((key) => (
              <li key={key.id}>
                {key.name ?? key.redacted} · {key.agent_id}
              </li>
            ))}
          </ul>
        </>
      )}
      <p className="text-muted">
        The credential is erased here. At the vendor it stays valid until you end it there.
      </p>
    </Confirm>
  );
}

/** A number, or the text that was typed: the server says what is wrong with that. */
function readNumber(text: string): unknown {
  return /^[0-9]+(?:\.[0-9]+)?$/.test(text.trim()) ? Number(text) : text;
}
