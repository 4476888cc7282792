export function Kbd({ children }: { children: string }) {
  return (
    <kbd className="inline-grid h-5 min-w-5 place-items-center rounded-sm border border-b-2 border-line bg-raised px-1 font-mono text-[11px] leading-none text-soft">
      {children}
    </kbd>
  );
}
