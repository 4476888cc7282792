import { type ReactNode, useId } from "react";

/** A raised box with a heading and what can be done with it. */
export function Panel({
  title,
  titleColour = "",
  hint,
  tools,
  children,
  className = "",
}: {
  title: string;
  titleColour?: string;
  hint?: string;
  tools?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  const id = useId();
  return (
    <section
      aria-labelledby={id}
      className={`flex min-w-0 flex-col gap-3 rounded-lg border border-line bg-raised p-4 shadow-panel ${className}`}
    >
      <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <div>
          <h2 id={id} className={`font-semibold ${titleColour}`}>
            {title}
          </h2>
          {hint && <p className="max-w-[70ch] text-sm text-soft">{hint}</p>}
        </div>
        {tools}
      </header>
      {children}
    </section>
  );
}
