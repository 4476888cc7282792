/** How to search, inside the prompt box, which says the cost: the strategy in a sentence, and its numbers. */
import { useId } from "react";
import type { Search } from "../protocol.gen";
import { isTree, needsChecker, SIZE_MAX, STRATEGIES, searchFitted, sizeRead } from "../search/search_options";
import { t } from "../strings";
import { Chips } from "../ui/Chips";

interface ChoiceProps {
  search: Search;
  onChange: (search: Search) => void;
  /** A checker is served: without one the searches that ask it are refused. */
  hasChecker: boolean;
}

export function SearchChoice({ search, onChange, hasChecker }: ChoiceProps) {
  const { ask } = t.search;
  const words = ask.strategies[search.strategy];
  const size = (name: "width" | "depth", label: string) => (
    <Size
      label={label}
      value={search[name]}
      onChange={(value) => onChange(searchFitted({ ...search, [name]: value }, name))}
    />
  );
  return (
    <section aria-label={t.search.title} className="flex flex-col gap-3 border-t border-line px-4 py-3">
      <Chips
        label={ask.label}
        value={search.strategy}
        options={STRATEGIES.map((value) => ({ value, label: ask.strategies[value].name }))}
        onChange={(strategy) => onChange(searchFitted({ ...search, strategy }, "width"))}
      />
      <p className="max-w-[72ch] text-sm text-pretty text-soft">
        {words.hint}
        {needsChecker(search.strategy) && !hasChecker && (
          <span className="block text-abstain">{ask.noChecker}</span>
        )}
      </p>
      {search.strategy !== "none" && (
        <div className="flex flex-wrap items-center gap-x-5 gap-y-2">
          {size("width", words.width)}
          {isTree(search.strategy) && size("depth", words.depth)}
        </div>
      )}
    </section>
  );
}

function Size({
  label,
  value,
  onChange,
}: {
  label: string;
  value: number;
  onChange: (value: number) => void;
}) {
  const id = useId();
  return (
    <span className="inline-flex items-center gap-2">
      <label htmlFor={id} className="text-sm">
        {label}
      </label>
      <input
        id={id}
        type="number"
        min={1}
        max={SIZE_MAX}
        value={value}
        onChange={(event) => onChange(sizeRead(event.target.value))}
        className="figures min-h-9 w-16 rounded-md border border-line-strong bg-raised px-2 text-sm max-md:min-h-11"
      />
    </span>
  );
}

/** "Search: beam 4 × 4" */
export function searchWords({ strategy, width, depth }: Search): string {
  const { name } = t.search.ask.strategies[strategy];
  if (strategy === "none") return t.search.ask.off;
  return isTree(strategy) ? `${name} ${width} × ${depth}` : `${name} ${width}`;
}
