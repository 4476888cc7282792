/** A row of choices, one of them taken: radio buttons that look like chips. */
interface ChipsProps<Value extends string | number> {
  label: string;
  value: Value;
  options: readonly { value: Value; label: string }[];
  onChange: (value: Value) => void;
}

export function Chips<Value extends string | number>({ label, value, options, onChange }: ChipsProps<Value>) {
  return (
    <fieldset className="flex flex-wrap gap-2">
      <legend className="sr-only">{label}</legend>
      {options.map((option) => (
        <label
          key={option.value}
          className="inline-flex min-h-8 cursor-pointer items-center rounded-full border border-line px-3 text-sm text-soft has-checked:border-line-strong has-checked:text-ink has-checked:bg-sunk has-focus-visible:outline-2 has-focus-visible:outline-accent max-md:min-h-11"
        >
          <input
            type="radio"
            className="sr-only"
            name={label}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          {option.label}
        </label>
      ))}
    </fieldset>
  );
}
