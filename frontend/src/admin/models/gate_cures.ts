/** Where a red gate's cure is done on these pages; null where nothing here cures it. Pure. */
import type { Gate, Gates } from "../api_types";
import { a } from "../strings";

export interface GateCure {
  words: string;
  to: "/admin/jobs/new" | "/admin/nodes" | "/admin/prices";
  search: Record<string, string>;
}

export function gateCure(gate: Gate, gates: Gates): GateCure | null {
  if (gate.is_ok) return null;
  const { candidate_report: report, model, serving } = gates;
  switch (gate.name) {
    case "candidate_report":
    case "enough_problems":
      return evaluation(model, report?.job_id);
    case "serving_report":
      return serving && report ? evaluation(serving, report.job_id) : evaluation(model);
    case "node":
      return { words: a.nodes.title, to: "/admin/nodes", search: {} };
    case "price":
      return { words: a.promote.toPrices, to: "/admin/prices", search: {} };
    default:
      return null;
  }
}

/** `like`: the evaluation whose problems are to be asked again. */
function evaluation(model: string, like = ""): GateCure {
  const search = { kind: "evaluate", model, ...(like ? { clone: like } : {}) };
  return { words: a.promote.evaluate(model, like !== ""), to: "/admin/jobs/new", search };
}
