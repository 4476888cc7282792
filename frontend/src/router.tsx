/** Every address of the web UI. Pages beyond Ask load when they are first opened. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  type ErrorComponentProps,
  Link,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { AskPage } from "./pages/AskPage";
import { t } from "./strings";
import { Button } from "./ui/Button";
import { PageFrame } from "./ui/PageFrame";
import { Shell } from "./ui/Shell";

function Missing() {
  return (
    <PageFrame title={t.errors.missingTitle}>
      <p className="text-soft">{t.errors.missing}</p>
      <Link to="/" className="self-start underline decoration-line-strong underline-offset-4">
        {t.errors.home}
      </Link>
    </PageFrame>
  );
}

function Crashed({ error }: ErrorComponentProps) {
  return (
    <PageFrame title={t.errors.title}>
      <p role="alert">{t.errors.crashed}</p>
      <pre className="scrolls font-mono text-xs text-soft">
        {error instanceof Error ? error.message : String(error)}
      </pre>
      <Button className="self-start" onClick={() => location.reload()}>
        {t.errors.reload}
      </Button>
    </PageFrame>
  );
}

const root = createRootRoute({ notFoundComponent: Missing, errorComponent: Crashed });
const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });
const auth = () => import("./pages/AuthPages");

const tree = root.addChildren([
  shell.addChildren([
    createRoute({ getParentRoute: () => shell, path: "/", component: AskPage }),
    createRoute({ getParentRoute: () => shell, path: "/c/$conversationId", component: AskPage }),
    createRoute({
      getParentRoute: () => shell,
      path: "/runs/$runId",
      component: lazyRouteComponent(() => import("./pages/RunPage"), "RunPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/history",
      component: lazyRouteComponent(() => import("./pages/HistoryPage"), "HistoryPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/keys",
      component: lazyRouteComponent(() => import("./pages/KeysPage"), "KeysPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/usage",
      component: lazyRouteComponent(() => import("./pages/UsagePage"), "UsagePage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/billing",
      component: lazyRouteComponent(() => import("./pages/BillingPage"), "BillingPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/models",
      component: lazyRouteComponent(() => import("./pages/ModelsPage"), "ModelsPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/tools",
      component: lazyRouteComponent(() => import("./pages/ToolsPage"), "ToolsPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin",
      beforeLoad: () => {
        throw redirect({ to: "/admin/jobs" });
      },
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/jobs",
      component: lazyRouteComponent(() => import("./admin/pages/JobsPage"), "JobsPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/jobs/new",
      component: lazyRouteComponent(() => import("./admin/pages/LaunchPage"), "LaunchPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/jobs/$jobId",
      component: lazyRouteComponent(() => import("./admin/pages/JobPage"), "JobPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/schedules",
      component: lazyRouteComponent(() => import("./admin/pages/SchedulesPage"), "SchedulesPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/files",
      component: lazyRouteComponent(() => import("./admin/pages/FilesPage"), "FilesPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/models",
      component: lazyRouteComponent(() => import("./admin/pages/ModelsPage"), "ModelsPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/compare",
      component: lazyRouteComponent(() => import("./admin/pages/ComparePage"), "ComparePage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/promote",
      component: lazyRouteComponent(() => import("./admin/pages/PromotePage"), "PromotePage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/nodes",
      component: lazyRouteComponent(() => import("./admin/pages/NodesPage"), "NodesPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/nodes/$nodeName",
      component: lazyRouteComponent(() => import("./admin/pages/NodePage"), "NodePage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/statement",
      component: lazyRouteComponent(() => import("./pages/StatementPage"), "StatementPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/customers",
      component: lazyRouteComponent(() => import("./admin/pages/CustomersPage"), "CustomersPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/customers/$accountId",
      component: lazyRouteComponent(() => import("./admin/pages/CustomerPage"), "CustomerPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/prices",
      component: lazyRouteComponent(() => import("./admin/pages/PricesPage"), "PricesPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/proof",
      component: lazyRouteComponent(() => import("./admin/pages/ProofPage"), "ProofPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/status",
      component: lazyRouteComponent(() => import("./admin/pages/StatusPage"), "StatusPage"),
    }),
    createRoute({
      getParentRoute: () => shell,
      path: "/admin/audit",
      component: lazyRouteComponent(() => import("./admin/pages/AuditPage"), "AuditPage"),
    }),
    createRoute({ getParentRoute: () => shell, path: "$", component: Missing }),
  ]),
  createRoute({
    getParentRoute: () => root,
    path: "/dev/components",
    component: lazyRouteComponent(() => import("./pages/ComponentsPage"), "ComponentsPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/sign-in",
    component: lazyRouteComponent(auth, "SignInPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/sign-up",
    component: lazyRouteComponent(auth, "SignUpPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/signup",
    component: lazyRouteComponent(auth, "SignUpPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/verify",
    component: lazyRouteComponent(auth, "VerifyPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/verify/$code",
    component: lazyRouteComponent(auth, "VerifyPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/forgot",
    component: lazyRouteComponent(auth, "ForgotPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/reset",
    component: lazyRouteComponent(auth, "ResetPage"),
  }),
  createRoute({
    getParentRoute: () => root,
    path: "/reset/$code",
    component: lazyRouteComponent(auth, "ResetPage"),
  }),
]);

export const router = createRouter({ routeTree: tree, scrollRestoration: true, defaultPreload: "intent" });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
