import { Menu } from "@base-ui/react/menu";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { useState } from "react";
import { api } from "./api.ts";
import { BrakeButton, BrakeProvider, KillSwitchBanner } from "./brake.tsx";
import { LiveProvider, useLiveState } from "./live.tsx";
import { useSession } from "./session.tsx";
import { remember, SESSION_KEY } from "./signed-in.ts";
import { applyTheme, readTheme, type Theme } from "./theme.ts";
import { Button } from "./ui/button.tsx";

const PAGES = [
  ["/", "Overview"],
  ["/agents", "Agents"],
  ["/keys", "Vault keys"],
  ["/runs", "Runs"],
  ["/calls", "Calls"],
  ["/budgets", "Budgets"],
  ["/secrets", "Secrets"],
  ["/endpoints", "Endpoints"],
  ["/alerts", "Alerts"],
  ["/audit", "Audit"],
  ["/settings", "Settings"],
] as const;

/** What surrounds every page: the way to the others, whether the server answers, and the brake. */
export function Shell() {
  return (
    <LiveProvider>
      <BrakeProvider>
        <a
          href="#content"
          className="sr-only focus:not-sr-only focus:absolute focus:z-10 focus:bg-surface focus:p-2"
        >
          Skip to the content
        </a>
        <Header />
        <KillSwitchBanner />
        <AwayBanner />
        <div className="mx-auto flex max-w-screen-2xl flex-col gap-4 p-4 lg:flex-row lg:gap-6">
          <Navigation />
          <main id="content" tabIndex={-1} className="min-w-0 flex-1 outline-none">
            <Outlet />
          </main>
        </div>
      </BrakeProvider>
    </LiveProvider>
  );
}

function Header() {
  return (
    <header className="sticky top-0 z-5 flex items-center gap-3 border-line border-b bg-surface px-4 py-2">
      <Link to="/" className="flex items-center gap-2 font-semibold">
        <img src="/brake.svg" alt="" className="size-6" />
        <span className="max-sm:sr-only">Keybrake</span>
      </Link>
      <LiveMark />
      <div className="ml-auto flex items-center gap-2">
        <BrakeButton />
        <AccountMenu />
      </div>
    </header>
  );
}

function LiveMark() {
  const state = useLiveState();
  const [text, tone] =
    state === "live"
      ? ["live", "text-good"]
      : state === "away"
        ? ["not connected", "text-bad"]
        : ["connecting", "text-muted"];
  return (
    <span role="status" className={`flex items-center gap-1.5 text-xs ${tone}`}>
      <span aria-hidden="true" className="size-2 rounded-full bg-current" />
      {text}
    </span>
  );
}

function AwayBanner() {
  if (useLiveState() !== "away") return null;
  return (
    <p role="alert" className="bg-warn-ground px-4 py-2 text-warn">
      The server does not answer. What is shown may be old; it is asked again by itself.
    </p>
  );
}

function Navigation() {
  return (
    <nav aria-label="Pages" className="overflow-x-auto lg:w-40 lg:shrink-0">
      <ul className="flex gap-1 lg:flex-col">
        {PAGES.map(([to, label]) => (
          <li key={to}>
            <Link
              to={to}
              activeOptions={{ exact: to === "/", includeSearch: false }}
              className="block whitespace-nowrap rounded-md px-3 py-1.5 hover:bg-raised"
              activeProps={{ className: "bg-raised font-semibold", "aria-current": "page" }}
            >
              {label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function AccountMenu() {
  const { name, role } = useSession();
  const client = useQueryClient();
  const [theme, setTheme] = useState<Theme>(readTheme);
  const signOut = useMutation({
    mutationFn: () => api.session.delete(),
    onSettled: () => {
      // What was read is not for whoever signs in next.
      client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION_KEY[0] });
      client.setQueryData(SESSION_KEY, remember(null));
    },
  });
  const choose = (value: Theme) => {
    applyTheme(value);
    setTheme(value);
  };
  return (
    <Menu.Root>
      <Menu.Trigger render={<Button />}>{name}</Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner sideOffset={4} align="end" className="z-10">
          <Menu.Popup className="min-w-48 rounded-md border border-line bg-surface p-1 text-ink shadow-lg">
            <p className="px-3 py-1.5 text-muted text-xs">role {role}</p>
            <Menu.RadioGroup value={theme} onValueChange={(value) => choose(value as Theme)}>
              {(["system", "light", "dark"] as const).map((value) => (
                <Menu.RadioItem key={value} value={value} className={ITEM}>
                  <span aria-hidden="true" className="w-4">
                    {theme === value ? "✓" : ""}
                  </span>
                  {value === "system" ? "As the system" : value === "light" ? "Light" : "Dark"}
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
            <Menu.Separator className="my-1 border-line border-t" />
            <Menu.Item className={ITEM} onClick={() => signOut.mutate()}>
              Sign out
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

const ITEM =
  "flex cursor-pointer items-center gap-2 rounded px-3 py-1.5 outline-none data-highlighted:bg-raised";
