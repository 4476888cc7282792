/** Every gate with its reason: green, red, or a warning that does not block; a red one with the way to its cure. */

import { Link } from "@tanstack/react-router";
import type { Gate, Gates } from "../api_types";
import { Mark } from "../launch/PlanPanel";
import { TEXT_LINK } from "../links";
import { a } from "../strings";
import { gateCure } from "./gate_cures";

export function GateList({ gates }: { gates: Gates }) {
  return (
    <ul aria-label={a.promote.gates} className="flex flex-col gap-2.5">
      {gates.gates.map((gate) => (
        <li key={gate.name} className="flex gap-2">
          <Mark isOk={gate.is_ok} isWarning={!gate.is_blocking} />
          <span className="min-w-0 break-words">
            <span className="font-medium">{a.promote.names[gate.name] ?? gate.name}</span>: {gate.message}
            <Cure gate={gate} gates={gates} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function Cure({ gate, gates }: { gate: Gate; gates: Gates }) {
  const cure = gateCure(gate, gates);
  if (gate.is_ok || (!cure && !gate.cure)) return null;
  return (
    <span className="block text-sm text-soft">
      {a.promote.cure}:{" "}
      {cure && (
        <Link to={cure.to} search={cure.search as never} className={TEXT_LINK}>
          {cure.words}
        </Link>
      )}
      {cure && gate.cure ? `; ${gate.cure}` : gate.cure}
    </span>
  );
}
