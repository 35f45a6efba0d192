/** The ranges that end now. */
export const PRESETS = {
  "15m": { label: "15 minutes", minutes: 15 },
  "1h": { label: "hour", minutes: 60 },
  "24h": { label: "24 hours", minutes: 24 * 60 },
  "7d": { label: "7 days", minutes: 7 * 24 * 60 },
  "30d": { label: "30 days", minutes: 30 * 24 * 60 },
} as const;

export type Preset = keyof typeof PRESETS;

/** Whether a text of an address names a preset. */
export function isPreset(text: string | undefined): text is Preset {
  return text !== undefined && Object.hasOwn(PRESETS, text);
}

/** Where a range that ends now begins. */
export function startOf(preset: Preset, now: Date): string {
  return new Date(now.getTime() - PRESETS[preset].minutes * 60_000).toISOString();
}

/** The UTC day of an instant, by which budgets are counted. */
export function utcDay(now: Date): string {
  return now.toISOString().slice(0, 10);
}
