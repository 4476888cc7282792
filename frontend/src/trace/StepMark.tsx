/** The rail's mark: filled dot = thought or check done, square = tool, ring = live, fork = a new try. */
import type { Step, Verdict } from "./trace";

const VERDICT_FILL: Record<Verdict, string> = {
  accept: "bg-accept",
  abstain: "bg-abstain",
  reject: "bg-reject",
};

export function StepMark({ step, isLive }: { step: Step | null; isLive: boolean }) {
  return (
    <span
      aria-hidden="true"
      className={`absolute left-0 grid size-5 place-items-center ${step?.kind === "tool" ? "top-[9px]" : "top-[4px]"}`}
    >
      {isLive && <span className="breathing absolute size-5 rounded-full bg-wash" />}
      <Shape step={step} isLive={isLive} />
    </span>
  );
}

function Shape({ step, isLive }: { step: Step | null; isLive: boolean }) {
  if (step?.kind === "tool") {
    return <span className="relative size-[13px] rounded-[3px] border-[1.5px] border-accent bg-paper" />;
  }
  if (step?.kind === "branch") {
    return (
      <svg
        viewBox="0 0 16 16"
        className="relative size-4 bg-paper text-soft"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
        aria-hidden="true"
      >
        <path d="M8 15V9M8 9 3.5 3M8 9l4.5-6" />
      </svg>
    );
  }
  if (isLive || !step) {
    return <span className="relative size-[13px] rounded-full border-[1.5px] border-accent bg-paper" />;
  }
  const fill = step.kind === "check" ? VERDICT_FILL[step.verdict] : "bg-accent";
  return <span className={`relative size-3 rounded-full ring-3 ring-paper ${fill}`} />;
}
