/** The question being written and how it is to be asked, kept over a reload of the tab. */
import type { Run } from "../api/types";
import type { Search } from "../protocol.gen";
import { NO_SEARCH, STRATEGIES, sizeRead } from "../search/search_options";

export interface Draft {
  question: string;
  allowTools: boolean;
  verify: boolean;
  search: Search;
  model: string | null; // null: the server's choice
}

const KEY = "svend.draft";
const NEW: Draft = { question: "", allowTools: true, verify: true, search: NO_SEARCH, model: null };

export function draftRead(): Draft {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Partial<Draft>;
    return {
      question: typeof kept.question === "string" ? kept.question : NEW.question,
      allowTools: kept.allowTools ?? NEW.allowTools,
      verify: kept.verify ?? NEW.verify,
      search: searchKept(kept.search),
      model: typeof kept.model === "string" ? kept.model : NEW.model,
    };
  } catch {
    return NEW; // storage refused or not ours
  }
}

function searchKept(kept: Partial<Search> | undefined): Search {
  const strategy = STRATEGIES.find((one) => one === kept?.strategy) ?? NO_SEARCH.strategy;
  return {
    strategy,
    width: sizeRead(String(kept?.width ?? NO_SEARCH.width)),
    depth: sizeRead(String(kept?.depth ?? NO_SEARCH.depth)),
  };
}

/** The draft that asks what a run was asked, in the same way. Its model is not repeated: it may be served no more. */
export const draftOf = (run: Run): Draft => ({
  question: run.question,
  allowTools: run.allow_tools,
  verify: run.verify,
  search: run.search,
  model: null,
});

export function draftWrite(draft: Draft): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(draft));
  } catch {
    // storage refused: the draft lives as long as the page
  }
}
