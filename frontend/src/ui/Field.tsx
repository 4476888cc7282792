import { type InputHTMLAttributes, type ReactNode, useId } from "react";

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: string;
  error?: string | null;
  after?: ReactNode;
}

/** A labelled input with its hint and its error beside it. */
export function Field({ label, hint, error, after, className = "", ...rest }: FieldProps) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <div className="relative">
        <input
          id={id}
          aria-invalid={error ? true : undefined}
          aria-describedby={`${id}-note`}
          className={`w-full min-h-11 rounded-md border bg-raised px-3 text-base ${error ? "border-reject" : "border-line-strong"} ${className}`}
          {...rest}
        />
        {after && <div className="absolute inset-y-0 right-1 flex items-center">{after}</div>}
      </div>
      <p
        id={`${id}-note`}
        role={error ? "alert" : undefined}
        className={`text-sm ${error ? "text-reject" : "text-soft"}`}
      >
        {error || hint}
      </p>
    </div>
  );
}
