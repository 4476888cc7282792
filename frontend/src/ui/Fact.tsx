import type { ReactNode } from "react";

/** A name above its value, for a row of them in a `dl`. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="figures font-medium">{children}</dd>
    </div>
  );
}
