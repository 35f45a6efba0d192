import { KeybrakeApiError, type Session } from "@keybrake/client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect } from "react";
import { api } from "./api.ts";
import { SignIn } from "./sign-in.tsx";
import { remember, SESSION_KEY } from "./signed-in.ts";
import { ErrorState, LoadingState } from "./ui/states.tsx";

const ROLES = ["auditor", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

const SessionContext = createContext<Session | null>(null);

/** Shows the pages to whoever is signed in, and the sign-in form to everybody else. */
export function SessionGate({ children }: { readonly children: ReactNode }) {
  const { data: session, error, isPending, refetch } = useSessionQuery();
  useEndOfSession();
  if (isPending) return <LoadingState label="Looking who asks" />;
  if (error !== null) return <ErrorState error={error} onRetry={() => void refetch()} />;
  if (session === null) return <SignIn />;
  return <SessionContext value={session}>{children}</SessionContext>;
}

/** Who is signed in. Only below a SessionGate. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("there is no session here");
  return session;
}

/** Whether the session's role may do what needs `role`; the server judges again. */
export function useMay(role: Role): boolean {
  const own = useSession().role;
  return ROLES.indexOf(own) >= ROLES.indexOf(role);
}

function useSessionQuery() {
  return useQuery({
    queryKey: SESSION_KEY,
    queryFn: async (): Promise<Session | null> => {
      try {
        return remember((await redeemLoginLink()) ?? (await api.session.get()));
      } catch (error) {
        if (error instanceof KeybrakeApiError && error.status === 401) return remember(null);
        throw error;
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
}

/** A session that ended elsewhere shows in the next answer, whichever that is. */
function useEndOfSession(): void {
  const client = useQueryClient();
  useEffect(
    () =>
      client.getQueryCache().subscribe(({ query }) => {
        const { error } = query.state;
        if (query.queryKey[0] === SESSION_KEY[0]) return;
        if (error instanceof KeybrakeApiError && error.status === 401)
          client.setQueryData(SESSION_KEY, remember(null));
      }),
    [client],
  );
}

/** `/#login=<code>`: the code is taken out of the address at once, and works one time. */
async function redeemLoginLink(): Promise<Session | null> {
  const code = /^#login=([\x21-\x7e]+)$/.exec(location.hash)?.[1];
  if (code === undefined) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return api.session.create({ code: decodeURIComponent(code) });
}
