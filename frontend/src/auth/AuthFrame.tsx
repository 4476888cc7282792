import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { FormEvent, ReactNode } from "react";
import { meQuery } from "../api/queries";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { Logo } from "../ui/Logo";
import { AlertLine } from "../ui/Notice";
import { useTitle } from "../ui/PageFrame";

interface AuthFrameProps {
  title: string;
  hint?: string;
  action: string;
  isBusy: boolean;
  error: string | null;
  onSubmit: () => void;
  children: ReactNode;
  after?: ReactNode;
}

/** One form on a page: what it does, its fields, its action, and the other ways on. */
export function AuthFrame(props: AuthFrameProps) {
  useTitle(props.title);
  const { data: me } = useQuery({ ...meQuery, retry: false });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!props.isBusy) props.onSubmit();
  };
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-[400px] flex-col px-4 pt-[12vh] pb-12">
      <Link to="/" className="mb-11 self-start rounded-sm">
        <Logo />
      </Link>
      <h1 className="font-serif text-xl font-medium tracking-[-0.01em]">{props.title}</h1>
      {props.hint && <p className="mt-1 text-soft">{props.hint}</p>}
      <form onSubmit={submit} noValidate className="mt-6 flex flex-col gap-3">
        {props.children}
        {props.error && <AlertLine>{props.error}</AlertLine>}
        <Button look="accent" type="submit" disabled={props.isBusy} className="min-h-11">
          {props.action}
        </Button>
      </form>
      <div className="mt-6 flex flex-col items-start gap-2 text-sm text-soft">
        {props.after}
        {me?.is_local && (
          <div className="mt-6 w-full border-t border-line pt-4">
            <p>
              {t.auth.local}{" "}
              <Link to="/" className="text-ink underline decoration-line-strong underline-offset-4">
                {t.auth.localAction}
              </Link>
              .
            </p>
            <p className="mt-2">
              {t.auth.mail}{" "}
              <a
                href="/dev/mail"
                target="_blank"
                rel="noreferrer"
                className="text-ink underline decoration-line-strong underline-offset-4"
              >
                /dev/mail
              </a>
              .
            </p>
          </div>
        )}
      </div>
    </main>
  );
}

export function AuthLink({ to, children }: { to: string; children: string }) {
  return (
    <Link to={to} className="underline decoration-line-strong underline-offset-4 hover:text-ink">
      {children}
    </Link>
  );
}
