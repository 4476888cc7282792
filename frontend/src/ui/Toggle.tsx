/** A chip that is on or off. */
export function Toggle({
  isOn,
  onChange,
  children,
  title,
}: {
  isOn: boolean;
  onChange: (isOn: boolean) => void;
  children: string;
  title?: string;
}) {
  return (
    <button
      type="button"
      aria-pressed={isOn}
      title={title}
      onClick={() => onChange(!isOn)}
      className={`inline-flex min-h-8 items-center rounded-full border px-3 text-sm whitespace-nowrap max-md:min-h-11 ${isOn ? "border-line-strong bg-sunk text-ink" : "border-line text-soft hover:text-ink"}`}
    >
      {children}
    </button>
  );
}
