/** Every gate with its reason: green, red, or a warning that does not block. */

import type { Gate } from "../api_types";
import { Mark } from "../launch/PlanPanel";
import { a } from "../strings";

export function GateList({ gates }: { gates: Gate[] }) {
  return (
    <ul aria-label={a.promote.gates} className="flex flex-col gap-2.5">
      {gates.map((gate) => (
        <li key={gate.name} className="flex gap-2">
          <Mark isOk={gate.is_ok} isWarning={!gate.is_blocking} />
          <span className="min-w-0 break-words">
            <span className="font-medium">{a.promote.names[gate.name] ?? gate.name}</span>: {gate.message}
            {!gate.is_ok && gate.cure && (
              <span className="block text-sm text-soft">
                {a.promote.cure}: {gate.cure}
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
