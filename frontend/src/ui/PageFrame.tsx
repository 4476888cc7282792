import { type ReactNode, useEffect } from "react";
import { t } from "../strings";

/** A page's heading, its one action and its width; it also sets the tab's title. */
export function PageFrame({
  title,
  hint,
  action,
  crumb,
  children,
}: {
  title: string;
  /** Where the page lies, above its title. */
  crumb?: ReactNode;
  hint?: string;
  action?: ReactNode;
  children: ReactNode;
}) {
  useTitle(title);
  return (
    <div className="mx-auto flex w-full max-w-[1200px] flex-col gap-6 px-13 pt-8 pb-16 max-lg:px-8 max-md:px-4 max-md:pt-4">
      <header className="flex flex-wrap items-end justify-between gap-4">
        <div className="flex flex-col gap-1">
          {crumb && <p className="text-sm text-soft">{crumb}</p>}
          <h1 className="font-serif text-xl font-semibold tracking-[-0.01em]">{title}</h1>
          {hint && <p className="max-w-[60ch] text-pretty text-soft">{hint}</p>}
        </div>
        {action}
      </header>
      {children}
    </div>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === t.titles.ask ? t.product : `${title} · ${t.product}`;
  }, [title]);
}
