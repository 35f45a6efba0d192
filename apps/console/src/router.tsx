import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  parseSearchWith,
  stringifySearchWith,
} from "@tanstack/react-router";
import { Shell } from "./shell.tsx";
import { Page } from "./ui/page.tsx";
import { EmptyState, ErrorState, LoadingState } from "./ui/states.tsx";

/** What stands in an address behind `?`: texts only. A page reads the names that it knows. */
type Search = Readonly<Record<string, string>>;

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <Page title="Not found">
      <EmptyState title="There is no such page." />
    </Page>
  ),
  validateSearch: (search): Search =>
    Object.fromEntries(
      Object.entries(search).flatMap(([name, value]) =>
        ["string", "number", "boolean"].includes(typeof value) ? [[name, String(value)]] : [],
      ),
    ),
});

const routes = root.addChildren([
  createRoute({
    getParentRoute: () => root,
    path: "/",
    component: lazyRouteComponent(() => import("./pages/overview.tsx"), "OverviewPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/agents",
    component: lazyRouteComponent(() => import("./pages/agents.tsx"), "AgentsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/keys",
    component: lazyRouteComponent(() => import("./pages/keys.tsx"), "KeysPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/keys/new",
    component: lazyRouteComponent(() => import("./pages/new-key.tsx"), "NewKeyPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/keys/$id",
    component: lazyRouteComponent(() => import("./pages/key.tsx"), "KeyPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/runs",
    component: lazyRouteComponent(() => import("./pages/runs.tsx"), "RunsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/runs/$crewRunId",
    component: lazyRouteComponent(() => import("./pages/run.tsx"), "RunPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/calls",
    component: lazyRouteComponent(() => import("./pages/calls.tsx"), "CallsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/calls/$id",
    component: lazyRouteComponent(() => import("./pages/call.tsx"), "CallPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/budgets",
    component: lazyRouteComponent(() => import("./pages/budgets.tsx"), "BudgetsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/secrets",
    component: lazyRouteComponent(() => import("./pages/secrets.tsx"), "SecretsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/endpoints",
    component: lazyRouteComponent(() => import("./pages/endpoints.tsx"), "EndpointsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/alerts",
    component: lazyRouteComponent(() => import("./pages/alerts.tsx"), "AlertsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/audit",
    component: lazyRouteComponent(() => import("./pages/audit.tsx"), "AuditPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/settings",
    component: lazyRouteComponent(() => import("./pages/settings.tsx"), "SettingsPage"),
  }),
]);

export const router = createRouter({
  routeTree: routes,
  defaultPreload: "intent",
  defaultPendingComponent: LoadingState,
  defaultErrorComponent: ({ error }) => (
    <ErrorState error={error instanceof Error ? error : new Error(String(error))} />
  ),
  scrollRestoration: true,
  // Plain texts, as the admin API writes them, not JSON.
  parseSearch: parseSearchWith((value) => value),
  stringifySearch: stringifySearchWith(String),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
