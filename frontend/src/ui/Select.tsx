import { type SelectHTMLAttributes, useId } from "react";

interface SelectProps extends SelectHTMLAttributes<HTMLSelectElement> {
  label: string;
  hint?: string;
  isLabelHidden?: boolean;
  options: readonly { value: string; label: string }[];
}

/** A labelled choice out of more than chips can hold. */
export function Select({
  label,
  hint,
  isLabelHidden = false,
  options,
  className = "",
  ...rest
}: SelectProps) {
  const id = useId();
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className={isLabelHidden ? "sr-only" : "text-sm font-medium"}>
        {label}
      </label>
      <select
        id={id}
        aria-describedby={hint ? `${id}-note` : undefined}
        className={`min-h-11 w-full min-w-0 rounded-md border border-line-strong bg-raised pr-8 pl-3 text-base text-ellipsis ${className}`}
        {...rest}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      {hint && (
        <p id={`${id}-note`} className="text-sm text-soft">
          {hint}
        </p>
      )}
    </div>
  );
}
