import { type AdminClient, createAdminClient } from "@keybrake/client";

/** A proxy: where agents reach it, and its admin API. */
export interface Keybrake {
  readonly dataUrl: string;
  readonly admin: AdminClient;
}

/** The proxy that the environment names; `keybrake sandbox` sets that up. */
export function findKeybrake(): Keybrake {
  const { KEYBRAKE_URL: baseUrl, KEYBRAKE_ADMIN_TOKEN: token, KEYBRAKE_DATA_URL: dataUrl } = process.env;
  if (baseUrl === undefined || token === undefined)
    throw new Error("set KEYBRAKE_URL and KEYBRAKE_ADMIN_TOKEN, or run `npm start`");
  return { dataUrl: dataUrl ?? "http://127.0.0.1:8787", admin: createAdminClient({ baseUrl, token }) };
}
