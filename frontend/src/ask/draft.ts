/** The question being written and its switches, kept over a reload of the tab. */
import type { Draft } from "./Composer";

const KEY = "svend.draft";
const NEW: Draft = { question: "", allowTools: true, verify: true };

export function draftRead(): Draft {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Partial<Draft>;
    return {
      question: typeof kept.question === "string" ? kept.question : NEW.question,
      allowTools: kept.allowTools ?? NEW.allowTools,
      verify: kept.verify ?? NEW.verify,
    };
  } catch {
    return NEW; // storage refused or not ours
  }
}

export function draftWrite(draft: Draft): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(draft));
  } catch {
    // storage refused: the draft lives as long as the page
  }
}
