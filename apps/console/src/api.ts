import { createAdminClient } from "@keybrake/client";

let csrf: string | null = null;

/** What every change of this session must carry; null when nobody is signed in. */
export function rememberCsrf(value: string | null): void {
  csrf = value;
}

/** The admin API of the server that served this page. The session's cookie, which no script can read, proves who asks. */
export const api = createAdminClient({ baseUrl: location.origin, token: null, csrf: () => csrf });
