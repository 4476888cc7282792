/** What stands around every page: the sidebar (a drawer on a phone), the balance, the key sheet, the skip link. */
import { useQuery } from "@tanstack/react-query";
import { Link, Navigate, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { RequestFailed } from "../api/client";
import { meQuery, queryClient } from "../api/queries";
import type { Me } from "../api/types";
import { signOut } from "../auth/allauth";
import { balance } from "../format/numbers";
import { t } from "../strings";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Kbd } from "./Kbd";
import { KeySheet } from "./KeySheet";
import { Logo } from "./Logo";
import { ThemeChoice } from "./ThemeChoice";
import { useHotkeys } from "./use_hotkeys";

export function Shell() {
  const { data: me, error } = useQuery(meQuery);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const navigate = useNavigate();
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [isKeysOpen, setKeysOpen] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the drawer
  useEffect(() => setMenuOpen(false), [path]);
  const focus = (selector: string) => document.querySelector<HTMLElement>(selector)?.focus();
  useHotkeys({
    n: (event) => {
      event.preventDefault();
      void navigate({ to: "/" }).then(() => focus("[data-hotkey-focus]"));
    },
    "/": (event) => {
      event.preventDefault();
      focus("[data-hotkey-focus]");
    },
    "?": () => setKeysOpen(true),
  });
  if (error instanceof RequestFailed && error.status === 401) return <Navigate to="/sign-in" />;
  return (
    <div className="md:grid md:grid-cols-[232px_minmax(0,1fr)]">
      <a
        href="#content"
        className="sr-only rounded-md bg-raised px-3 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-20"
      >
        {t.skipToContent}
      </a>
      <header className="sticky top-0 flex h-dvh flex-col border-r border-line px-3.5 py-5 max-md:hidden">
        <Sidebar me={me} />
      </header>
      <header className="sticky top-0 z-10 flex h-14 items-center justify-between border-b border-line bg-paper px-4 md:hidden">
        <Link to="/" className="rounded-sm">
          <Logo />
        </Link>
        <span className="flex items-center gap-2">
          {me && <span className="figures text-sm font-medium">{balance(me.balance_nano_usd)}</span>}
          <Button look="quiet" aria-expanded={isMenuOpen} onClick={() => setMenuOpen(true)} className="-mr-3">
            {t.nav.menu}
          </Button>
        </span>
      </header>
      <Dialog shape="drawer" title={t.nav.menu} isOpen={isMenuOpen} onClose={() => setMenuOpen(false)}>
        <div className="flex h-full flex-col">
          <Sidebar me={me} />
        </div>
      </Dialog>
      <main id="content" tabIndex={-1} className="min-w-0 outline-none">
        <Outlet />
      </main>
      <KeySheet isOpen={isKeysOpen} onClose={() => setKeysOpen(false)} />
    </div>
  );
}

function Sidebar({ me }: { me: Me | undefined }) {
  return (
    <>
      <Link to="/" className="mb-6 self-start rounded-sm px-2.5">
        <Logo />
      </Link>
      <nav aria-label={t.nav.label} className="flex flex-1 flex-col gap-1">
        <NavLink to="/" label={t.nav.ask} hotkey="n" alsoUnder={["/c/"]} />
        <NavLink to="/history" label={t.nav.history} />
        <p className="px-2.5 pt-5 pb-1 text-xs text-soft">{t.nav.build}</p>
        <NavLink to="/keys" label={t.nav.keys} />
        <NavLink to="/usage" label={t.nav.usage} alsoUnder={["/runs/", "/statement"]} />
        <NavLink to="/billing" label={t.nav.billing} />
        <NavLink to="/models" label={t.nav.models} />
        <NavLink to="/tools" label={t.nav.tools} />
        <a href="/docs" className={`${NAV} text-soft hover:text-ink`}>
          {t.nav.docs}
        </a>
        {me?.user?.is_staff && (
          <>
            <p className="px-2.5 pt-5 pb-1 text-xs text-soft">{t.nav.operate}</p>
            <NavLink to="/admin/jobs" label={t.nav.jobs} alsoUnder={["/admin/jobs/"]} />
            <NavLink to="/admin/schedules" label={t.nav.schedules} />
            <NavLink to="/admin/files" label={t.nav.files} />
            <NavLink
              to="/admin/models"
              label={t.nav.registry}
              alsoUnder={["/admin/compare", "/admin/promote"]}
            />
            <NavLink to="/admin/nodes" label={t.nav.nodes} alsoUnder={["/admin/nodes/"]} />
            <NavLink to="/admin/status" label={t.nav.status} />
            <NavLink to="/admin/customers" label={t.nav.customers} alsoUnder={["/admin/customers/"]} />
            <NavLink to="/admin/prices" label={t.nav.prices} />
            <NavLink to="/admin/proof" label={t.nav.proof} />
            <NavLink to="/admin/audit" label={t.nav.audit} />
          </>
        )}
      </nav>
      <div className="flex flex-col gap-3 border-t border-line px-2.5 pt-3">
        {me && (
          <Link to="/billing" className="rounded-sm">
            <span className="block text-xs text-soft">{t.nav.balance}</span>
            <span className="figures block text-md font-semibold">{balance(me.balance_nano_usd)}</span>
          </Link>
        )}
        {me && <Account me={me} />}
        <ThemeChoice />
      </div>
    </>
  );
}

const NAV = "flex min-h-9 items-center justify-between rounded-md px-2.5 max-md:min-h-11";

function NavLink(props: { to: string; label: string; hotkey?: string; alsoUnder?: string[] }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const isHere = path === props.to || props.alsoUnder?.some((prefix) => path.startsWith(prefix));
  return (
    <Link
      to={props.to}
      aria-current={isHere ? "page" : undefined}
      aria-keyshortcuts={props.hotkey}
      className={`${NAV} ${isHere ? "bg-sunk font-medium text-ink" : "text-soft hover:text-ink"}`}
    >
      {props.label}
      {props.hotkey && (
        <span className="max-md:hidden">
          <Kbd>{props.hotkey.toUpperCase()}</Kbd>
        </span>
      )}
    </Link>
  );
}

function Account({ me }: { me: Me }) {
  const navigate = useNavigate();
  const leave = async () => {
    await signOut();
    queryClient.clear();
    await navigate({ to: "/sign-in" });
  };
  const way =
    "self-start text-sm text-soft underline decoration-line-strong underline-offset-4 hover:text-ink";
  if (!me.user) {
    return (
      <div className="flex flex-col">
        <span className="truncate text-sm" title={t.nav.localHint}>
          {me.is_local ? t.nav.localAccount : me.account.name}
        </span>
        <Link to="/sign-in" className={way}>
          {t.nav.signIn}
        </Link>
      </div>
    );
  }
  return (
    <div className="flex flex-col">
      <span className="truncate text-sm" title={me.user.email}>
        {me.user.email}
      </span>
      <button type="button" className={way} onClick={() => void leave()}>
        {t.nav.signOut}
      </button>
    </div>
  );
}
