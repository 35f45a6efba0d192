import type { AlertChannel, CreateAlertChannel, UpdateAlertChannel } from "@keybrake/client";
import { useState } from "react";
import { api } from "../api.ts";
import { CheckboxField, SelectField, TextField } from "../ui/field.tsx";
import { FormModal } from "../ui/form-modal.tsx";
import { CHANNEL_EVENTS, KIND_TITLES, SEVERITIES } from "./alert-kinds.ts";

/** Makes a channel, or changes one. A new webhook's signing secret goes to `onSecret`, which shows it once. */
export function ChannelForm({
  channel,
  onSecret,
  onClose,
}: {
  readonly channel: AlertChannel | null;
  readonly onSecret: (name: string, secret: string) => void;
  readonly onClose: () => void;
}) {
  const [name, setName] = useState(channel?.name ?? "");
  const [kind, setKind] = useState<string>(channel?.kind ?? "webhook");
  const [url, setUrl] = useState("");
  const [severity, setSeverity] = useState<string>(channel?.min_severity ?? "info");
  const [events, setEvents] = useState<readonly string[]>(channel?.events ?? []);
  const submit = async () => {
    const wanted = { name: name.trim(), min_severity: severity, events };
    if (channel !== null) {
      const change = { ...wanted, ...(url.trim() === "" ? {} : { url: url.trim() }) };
      await api.alertChannels.update(channel.id, change as UpdateAlertChannel);
      return;
    }
    const body = { ...wanted, kind, url: url.trim() } as CreateAlertChannel;
    const created = await api.alertChannels.create(body);
    if (created.signing_secret !== null) onSecret(created.name, created.signing_secret);
  };
  return (
    <FormModal
      title={channel === null ? "Add a channel" : `Change ${channel.name}`}
      description="Its address is a credential: it is sealed, and only where it leads is shown."
      verb={channel === null ? "Add the channel" : "Change the channel"}
      isReady={name.trim() !== "" && (channel !== null || url.trim() !== "")}
      submit={submit}
      onClose={onClose}
    >
      {(problems) => (
        <>
          <div className="grid items-start gap-3 sm:grid-cols-2">
            <TextField
              label="Name"
              value={name}
              onChange={setName}
              error={problems["name"]}
              autoComplete="off"
              required
            />
            <SelectField
              label="Kind"
              value={kind}
              onChange={setKind}
              disabled={channel !== null}
              error={problems["kind"]}
            >
              <option value="webhook">webhook, signed</option>
              <option value="slack">Slack</option>
            </SelectField>
          </div>
          <TextField
            label="Address"
            hint={channel === null ? "https://…" : `empty = as it is, at ${channel.origin}`}
            type="url"
            value={url}
            onChange={setUrl}
            error={problems["url"]}
            autoComplete="off"
            required={channel === null}
          />
          <SelectField
            label="From which severity on"
            value={severity}
            onChange={setSeverity}
            error={problems["min_severity"]}
          >
            {SEVERITIES.map((entry) => (
              <option key={entry} value={entry}>
                {entry}
              </option>
            ))}
          </SelectField>
          <fieldset className="flex flex-col gap-2">
            <legend className="mb-1 font-medium">Which alerts (none chosen = every kind)</legend>
            {CHANNEL_EVENTS.map((event) => (
              <CheckboxField
                key={event}
                label={KIND_TITLES[event]}
                isChecked={events.includes(event)}
                onChange={(isChecked) =>
                  setEvents(isChecked ? [...events, event] : events.filter((other) => other !== event))
                }
              />
            ))}
          </fieldset>
        </>
      )}
    </FormModal>
  );
}
