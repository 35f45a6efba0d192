import type { Alert, AlertKind } from "@keybrake/client";
import type { Tone } from "../ui/values.tsx";

/** What an alert tells of, for people; every kind. */
export const KIND_TITLES: Readonly<Record<AlertKind, string>> = {
  budget_threshold: "a budget is used up to a threshold",
  denials_spike: "many refusals in a short time",
  unknown_calls: "calls whose outcome is not known",
  overrun: "a call cost more than was held for it",
  key_suspended: "a key was suspended",
  chain_broken: "the audit chain does not verify",
  history_lost: "the database has lost history",
  kill_switch: "the kill switch was engaged or released",
  test: "a test of a channel",
};

/** What a channel can ask for: everything but tests, which go where they are sent. */
export const CHANNEL_EVENTS = (Object.keys(KIND_TITLES) as AlertKind[]).filter((kind) => kind !== "test");

/** From the mildest to the worst, and how each looks. */
export const SEVERITY_TONES: Readonly<Record<Alert["severity"], Tone>> = {
  info: "plain",
  warning: "warn",
  critical: "bad",
};

export const SEVERITIES = Object.keys(SEVERITY_TONES) as readonly Alert["severity"][];
