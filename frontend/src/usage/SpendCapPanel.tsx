/** The account's monthly cap: how much of it is used, what happens at it, and changing it. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { queryClient, spendCapQuery, spendCapSet } from "../api/queries";
import type { SpendCap } from "../api/types";
import { dayMonth } from "../format/dates";
import { money } from "../format/numbers";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { AlertLine, ErrorNotice } from "../ui/Notice";
import { Panel } from "../ui/Panel";
import { CapForm } from "./CapForm";

export function SpendCapPanel() {
  const cap = useQuery(spendCapQuery);
  const [isSetting, setSetting] = useState(false);
  const close = () => setSetting(false);
  if (cap.isError) return <ErrorNotice error={cap.error} onRetry={() => void cap.refetch()} />;
  if (!cap.data) return null;
  const limit = cap.data.monthly_cap_nano_usd;
  return (
    <Panel
      title={t.cap.title}
      hint={limit === null ? t.cap.explainedNone : t.cap.explained(money(limit))}
      tools={<Button onClick={() => setSetting(true)}>{limit === null ? t.cap.set : t.cap.change}</Button>}
    >
      {limit === null ? <p className="text-soft">{t.cap.none}</p> : <CapFacts cap={cap.data} limit={limit} />}
      <Dialog title={t.cap.setTitle(null)} isOpen={isSetting} onClose={close}>
        <CapForm
          whose={null}
          current={limit}
          save={spendCapSet}
          onSaved={() => queryClient.invalidateQueries(spendCapQuery)}
          onClose={close}
        />
      </Dialog>
    </Panel>
  );
}

export function CapFacts({ cap, limit }: { cap: SpendCap; limit: number }) {
  const share = limit > 0 ? Math.min(1, cap.spent_nano_usd / limit) : 1;
  const isReached = cap.percent_reached === 100 || limit === 0;
  const tone = isReached ? "bg-reject" : cap.percent_reached >= 80 ? "bg-abstain" : "bg-accent";
  return (
    <div className="flex flex-col gap-2">
      <div
        role="meter"
        aria-label={t.cap.title}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        aria-valuetext={t.cap.spentOf(money(cap.spent_nano_usd), money(limit))}
        className="relative h-2 rounded-full bg-sunk"
      >
        <div className={`h-2 rounded-full ${tone}`} style={{ width: `${share * 100}%` }} />
        {[50, 80].map((percent) => (
          <span
            key={percent}
            aria-hidden="true"
            className="absolute top-0 h-2 w-px bg-line-strong"
            style={{ left: `${percent}%` }}
          />
        ))}
      </div>
      <p className="figures flex flex-wrap gap-x-4 text-sm">
        <span>{t.cap.spentOf(money(cap.spent_nano_usd), money(limit))}</span>
        {cap.held_nano_usd > 0 && <span className="text-soft">{t.cap.held(money(cap.held_nano_usd))}</span>}
        <span className="text-soft">{t.cap.resets(dayMonth(cap.resets_on))}</span>
      </p>
      {isReached && <AlertLine>{t.cap.reached}</AlertLine>}
      {!isReached && cap.percent_reached > 0 && (
        <p role="status" className="text-sm text-abstain">
          {t.cap.percent(cap.percent_reached)}
        </p>
      )}
    </div>
  );
}
