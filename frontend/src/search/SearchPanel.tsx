/** The search at the side of its run: the picture, the list that says the same, and what the branches cost. */
import { lazy, Suspense, useState } from "react";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import type { SearchTree } from "./search_tree";
import { TreeList } from "./TreeList";

const TreePicture = lazy(async () => ({ default: (await import("./TreePicture")).TreePicture }));

const SIDE_PX = { width: 254, height: 216 };
const LARGE_PX = { width: 760, height: 560 };

interface PanelProps {
  tree: SearchTree;
  shownId: number;
  nanoUsdPerToken: number;
  onChoose: (id: number) => void;
  /** A phone has the list alone. */
  hasPicture: boolean;
}

export function SearchPanel(props: PanelProps) {
  const [isLarge, setLarge] = useState(false);
  const { hasPicture, ...list } = props;
  return (
    <section aria-label={t.search.title} data-search className="flex flex-col gap-2">
      <div className="flex items-baseline justify-between gap-3">
        <h2 className="text-sm font-semibold">{t.search.title}</h2>
        {hasPicture && (
          <button
            type="button"
            onClick={() => setLarge(true)}
            className="text-xs text-soft underline decoration-line-strong underline-offset-4 hover:text-ink"
          >
            {t.search.larger}
          </button>
        )}
      </div>
      {hasPicture && (
        <Suspense fallback={<div style={SIDE_PX} />}>
          <TreePicture {...list} {...SIDE_PX} />
        </Suspense>
      )}
      <TreeList {...list} className={hasPicture ? "max-h-[232px]" : "max-h-[52dvh]"} />
      <Summary tree={props.tree} nanoUsdPerToken={props.nanoUsdPerToken} />
      <LargeTree {...list} isOpen={isLarge} onClose={() => setLarge(false)} />
    </section>
  );
}

function Summary({ tree, nanoUsdPerToken }: { tree: SearchTree; nanoUsdPerToken: number }) {
  const number = tree.nodes.length;
  const words =
    tree.chosenId !== null
      ? t.search.summary(number, tree.tokensLost, tree.tokensLost * nanoUsdPerToken)
      : tree.numLive > 0
        ? t.search.summaryLive(number, tree.numLive, tree.numPruned)
        : t.search.summaryNone(number);
  return (
    <p className="figures text-xs text-soft">
      {words} {t.search.shared(tree.tokensShared, tree.tokensShared * nanoUsdPerToken)}
    </p>
  );
}

interface LargeProps extends Omit<PanelProps, "hasPicture"> {
  isOpen: boolean;
  onClose: () => void;
}

function LargeTree({ isOpen, onClose, ...list }: LargeProps) {
  return (
    <Dialog shape="wide" title={t.search.open} isOpen={isOpen} onClose={onClose}>
      <div className="mb-4 flex items-baseline justify-between gap-4">
        <h2 className="font-serif text-lg font-medium">{t.search.open}</h2>
        <Button onClick={onClose}>{t.nav.close}</Button>
      </div>
      <div className="grid grid-cols-[minmax(0,1fr)_280px] gap-6">
        <Suspense fallback={<div style={LARGE_PX} />}>
          <TreePicture {...list} {...LARGE_PX} isWheelFree />
        </Suspense>
        <TreeList {...list} className="max-h-[560px]" />
      </div>
    </Dialog>
  );
}

/** Where there was none: what a search is, and the way to one. */
export function NoSearch({ onAsk }: { onAsk?: () => void }) {
  return (
    <section aria-label={t.search.title} className="flex flex-col items-start gap-2">
      <h2 className="text-sm font-semibold">{t.search.emptyTitle}</h2>
      <p className="text-sm text-pretty text-soft">{t.search.empty}</p>
      {onAsk && <Button onClick={onAsk}>{t.search.emptyAction}</Button>}
    </section>
  );
}
