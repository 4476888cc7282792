/** The preflight: memory by parts against what there is, disk, time, cost, each check with its cure. */
import type { ReactNode } from "react";
import { bytes } from "../../format/bytes";
import { countShort, money } from "../../format/numbers";
import { CopyButton } from "../../ui/CopyButton";
import { ErrorNotice, Skeleton } from "../../ui/Notice";
import { Panel } from "../../ui/Panel";
import type { JobPlan } from "../api_types";
import { secondsWords } from "../jobs/eta";
import { roundedUp } from "../jobs/JobTable";
import { a } from "../strings";

interface PlanProps {
  plan: JobPlan | undefined;
  error: unknown;
  isAsking: boolean;
  hasErrors: boolean;
  onRetry: () => void;
}

export function PlanPanel({ plan, error, isAsking, hasErrors, onRetry }: PlanProps) {
  return (
    <Panel title={a.launch.preflight} hint={a.launch.preflightHint(plan?.node_name ?? "")}>
      <div aria-live="polite" aria-busy={isAsking} className="flex flex-col gap-4">
        {hasErrors && <p className="text-soft">{a.launch.noPlan}</p>}
        {!hasErrors && Boolean(error) && <ErrorNotice error={error} onRetry={onRetry} />}
        {!hasErrors && !error && !plan && <Skeleton />}
        {!hasErrors && !error && plan && <PlanFacts plan={plan} />}
      </div>
    </Panel>
  );
}

export function PlanFacts({ plan }: { plan: JobPlan }) {
  return (
    <>
      <MemoryBar plan={plan} />
      <dl className="figures flex flex-col text-sm">
        {plan.num_parameters > 0 && <Fact name={a.launch.parameters}>{countShort(plan.num_parameters)}</Fact>}
        <Fact name={a.launch.disk}>
          {a.launch.memoryOf(bytes(plan.disk_needed_bytes), bytes(plan.disk_available_bytes))}
        </Fact>
        <Fact name={a.launch.time}>
          {plan.seconds_estimated === null ? a.launch.timeUnknown : secondsWords(plan.seconds_estimated)}
        </Fact>
        <Fact name={a.launch.cost}>{costWords(plan)}</Fact>
      </dl>
      <ul className="flex flex-col gap-2 text-sm" aria-label={a.launch.preflight}>
        {plan.checks.map((check) => (
          <li key={check.name} className="flex gap-2">
            <Mark isOk={check.is_ok} />
            <span className="min-w-0 break-words">
              <span className="font-medium">{a.launch.checkNames[check.name] ?? check.name}</span>:{" "}
              {check.message}
              {!check.is_ok && check.cure && (
                <span className="block text-soft">
                  {a.job.cure}: {check.cure}
                </span>
              )}
            </span>
          </li>
        ))}
      </ul>
      {plan.command && (
        <div className="flex flex-col gap-1">
          <h3 className="text-sm font-medium">{a.launch.command}</h3>
          <div className="flex items-start gap-2">
            <code className="min-w-0 flex-1 rounded-md bg-sunk px-3 py-2 font-mono text-xs break-words">
              {plan.command}
            </code>
            <CopyButton text={plan.command} />
          </div>
        </div>
      )}
    </>
  );
}

export function Mark({ isOk, isWarning = false }: { isOk: boolean; isWarning?: boolean }) {
  const [colour, sign, word] = isOk
    ? ["text-accept", "✓", a.promote.ok]
    : isWarning
      ? ["text-abstain", "!", a.promote.warning]
      : ["text-reject", "✕", a.promote.red];
  return (
    <span className={`w-4 shrink-0 text-center font-semibold ${colour}`} role="img" aria-label={word}>
      {sign}
    </span>
  );
}

function costWords(plan: JobPlan): string {
  if (plan.price_nano_usd_per_hour === 0) return a.launch.costFree;
  const perHour = a.launch.perHour(plan.price_nano_usd_per_hour);
  return plan.cost_nano_usd_estimated === null
    ? perHour
    : `${money(roundedUp(plan.cost_nano_usd_estimated))}, ${perHour}`;
}

const SHADES = ["opacity-100", "opacity-75", "opacity-55", "opacity-40", "opacity-30", "opacity-20"];

function MemoryBar({ plan }: { plan: JobPlan }) {
  const needed = plan.memory_needed_bytes;
  const whole = Math.max(needed, plan.memory_available_bytes, 1);
  const fits = needed <= plan.memory_available_bytes;
  const words = a.launch.memoryOf(bytes(needed), bytes(plan.memory_available_bytes));
  return (
    <div className="flex flex-col gap-2">
      <p className="flex flex-wrap justify-between gap-2 text-sm">
        <span className="font-medium">{a.launch.memory}</span>
        <span className={`figures ${fits ? "" : "text-reject"}`}>{words}</span>
      </p>
      <div aria-hidden="true" className="relative flex h-2.5 overflow-hidden rounded-sm bg-line">
        {plan.memory.map((part, index) => (
          <span
            key={part.name}
            className={`h-full ${fits ? "bg-accent" : "bg-reject"} ${SHADES[index % SHADES.length]}`}
            style={{ width: `${(part.num_bytes / whole) * 100}%` }}
          />
        ))}
        {!fits && (
          <span
            className="absolute inset-y-0 w-0.5 bg-ink"
            style={{ left: `${(plan.memory_available_bytes / whole) * 100}%` }}
          />
        )}
      </div>
      <ul className="figures flex flex-wrap gap-x-4 gap-y-1 text-xs text-soft">
        {plan.memory.map((part, index) => (
          <li key={part.name} className="flex items-center gap-1.5">
            <span
              aria-hidden="true"
              className={`size-2.5 rounded-[2px] ${fits ? "bg-accent" : "bg-reject"} ${SHADES[index % SHADES.length]}`}
            />
            {a.launch.parts[part.name] ?? part.name} {bytes(part.num_bytes)}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex justify-between gap-4 border-b border-line py-1.5">
      <dt className="text-soft">{name}</dt>
      <dd className="text-right">{children}</dd>
    </div>
  );
}
