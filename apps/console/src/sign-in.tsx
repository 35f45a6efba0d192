import { KeybrakeApiError } from "@keybrake/client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "./api.ts";
import { remember, SESSION_KEY } from "./signed-in.ts";
import { Button } from "./ui/button.tsx";
import { TextField } from "./ui/field.tsx";
import { describeError } from "./ui/states.tsx";

/** Asks for an admin token. It leaves this page in one request and is kept nowhere. */
export function SignIn() {
  const [token, setToken] = useState("");
  const client = useQueryClient();
  const signIn = useMutation({
    mutationFn: () => api.session.create({ token: token.trim() }),
    onSuccess: (session) => client.setQueryData(SESSION_KEY, remember(session)),
  });
  return (
    <main className="mx-auto flex min-h-dvh max-w-sm flex-col justify-center gap-6 p-4">
      <header className="flex items-center gap-3">
        <img src="/brake.svg" alt="" className="size-9" />
        <h1 className="font-semibold text-2xl">Keybrake</h1>
      </header>
      <form
        className="flex flex-col gap-4 rounded-lg border border-line bg-surface p-5"
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate();
        }}
      >
        <TextField
          label="Admin token"
          type="password"
          name="token"
          autoComplete="current-password"
          value={token}
          onChange={setToken}
          error={signIn.error === null ? undefined : explain(signIn.error)}
          required
        />
        <Button type="submit" tone="primary" isBusy={signIn.isPending} disabled={token.trim() === ""}>
          Sign in
        </Button>
        <p className="text-muted">
          Or open the link that <code>npm start</code> prints; <code>npx keybrake login</code> makes another.
        </p>
      </form>
    </main>
  );
}

function explain(error: Error): string {
  return error instanceof KeybrakeApiError && error.status === 401
    ? "This token is not known, or it was revoked."
    : describeError(error);
}
