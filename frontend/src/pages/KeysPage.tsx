import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { keyCapSet, keysQuery, queryClient } from "../api/queries";
import type { ApiKey } from "../api/types";
import { dateTime, dayMonth, utc } from "../format/dates";
import { count, money } from "../format/numbers";
import { KeyMakeDialog } from "../keys/KeyMakeDialog";
import { KeyRevokeDialog } from "../keys/KeyRevokeDialog";
import { t } from "../strings";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Empty, ErrorNotice, Skeleton } from "../ui/Notice";
import { PageFrame } from "../ui/PageFrame";
import { TableHead } from "../ui/TableHead";
import { CapForm } from "../usage/CapForm";

export function KeysPage() {
  const keys = useQuery(keysQuery);
  const [isMaking, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const [capping, setCapping] = useState<ApiKey | null>(null);
  const [isRevokedShown, setRevokedShown] = useState(false);
  const all = keys.data ?? [];
  const live = all.filter((key) => !key.revoked_at);
  const revoked = all.filter((key) => key.revoked_at);
  const make = (
    <Button look="accent" onClick={() => setMaking(true)}>
      {t.keys.make}
    </Button>
  );
  return (
    <PageFrame title={t.keys.title} hint={t.keys.hint} action={live.length > 0 && make}>
      {keys.isPending && <Skeleton />}
      {keys.isError && <ErrorNotice error={keys.error} onRetry={() => void keys.refetch()} />}
      {keys.isSuccess && live.length === 0 && <Empty action={make}>{t.keys.empty}</Empty>}
      {live.length > 0 && <KeyTable keys={live} onRevoke={setRevoking} onCap={setCapping} />}
      {revoked.length > 0 && (
        <div className="flex flex-col gap-4">
          <Button
            look="quiet"
            className="-ml-3 self-start"
            aria-expanded={isRevokedShown}
            onClick={() => setRevokedShown(!isRevokedShown)}
          >
            {isRevokedShown ? t.keys.hideRevoked : t.keys.showRevoked(revoked.length)}
          </Button>
          {isRevokedShown && <KeyTable keys={revoked} onRevoke={null} onCap={null} />}
        </div>
      )}
      <KeyMakeDialog isOpen={isMaking} onClose={() => setMaking(false)} />
      <KeyRevokeDialog apiKey={revoking} onClose={() => setRevoking(null)} />
      <Dialog
        title={t.cap.setTitle(capping?.name ?? "")}
        isOpen={capping !== null}
        onClose={() => setCapping(null)}
      >
        {capping && (
          <CapForm
            whose={capping.name}
            current={capping.monthly_cap_nano_usd}
            save={(nanoUsd) => keyCapSet(capping.id, nanoUsd)}
            onSaved={() => queryClient.invalidateQueries(keysQuery)}
            onClose={() => setCapping(null)}
          />
        )}
      </Dialog>
    </PageFrame>
  );
}

/** A table on a wide screen; on a phone each row becomes a short list of its own. */
interface KeyTableProps {
  keys: ApiKey[];
  onRevoke: ((key: ApiKey) => void) | null;
  onCap: ((key: ApiKey) => void) | null;
}

function KeyTable({ keys, onRevoke, onCap }: KeyTableProps) {
  const { columns } = t.keys;
  return (
    <table className="w-full text-left text-sm max-md:block">
      <TableHead
        columns={[
          columns.name,
          columns.key,
          columns.lastUsed,
          { label: columns.spent, align: "right" },
          { label: columns.cap, align: "right" },
          { label: t.keys.revoke, isUnseen: true },
        ]}
        foldsBelow="md"
      />
      <tbody className="max-md:block max-md:border-t max-md:border-line">
        {keys.map((key) => (
          <tr
            key={key.id}
            className="border-b border-line max-md:grid max-md:grid-cols-2 max-md:gap-x-4 max-md:gap-y-1 max-md:py-4"
          >
            <td className="py-3.5 pr-4 max-md:col-span-2 max-md:py-0">
              <span className="font-medium">{key.name}</span>
              <span className="block text-soft">
                {key.revoked_at ? (
                  t.keys.revokedOn(dayMonth(key.revoked_at))
                ) : (
                  <time dateTime={key.created_at} title={utc(key.created_at)}>
                    {columns.created} {dayMonth(key.created_at)}
                  </time>
                )}
              </span>
            </td>
            <td className="py-3.5 pr-4 font-mono text-[13px] max-md:col-span-2 max-md:py-0">
              {key.prefix}…{key.last4}
            </td>
            <td className="py-3.5 pr-4 text-soft max-md:col-span-2 max-md:py-0">
              <span className="md:hidden">{columns.lastUsed}: </span>
              {key.last_used_at
                ? t.keys.lastUsed(dateTime(key.last_used_at), key.last_used_model || null)
                : t.keys.never}
            </td>
            <td className="figures py-3.5 pr-4 text-right max-md:py-0 max-md:text-left">
              <span className="text-soft md:hidden">{columns.spent}: </span>
              {money(key.spent_month_nano_usd)}
            </td>
            <td className="figures py-3.5 pr-4 text-right max-md:py-0">
              <span className="text-soft md:hidden">{columns.cap}: </span>
              {key.monthly_cap_nano_usd === null ? (
                <span className="text-soft">{t.keys.noCap}</span>
              ) : (
                money(key.monthly_cap_nano_usd)
              )}
              {(key.cap_percent_reached ?? 0) > 0 && (
                <span className={`block ${key.cap_percent_reached === 100 ? "text-reject" : "text-abstain"}`}>
                  {t.keys.capUsed(key.cap_percent_reached ?? 0)}
                </span>
              )}
            </td>
            <td className="py-2 text-right whitespace-nowrap max-md:col-span-2 max-md:text-left">
              {onCap && (
                <Button
                  look="quiet"
                  className="max-md:-ml-3"
                  onClick={() => onCap(key)}
                  aria-label={`${t.keys.capChange}: ${key.name}`}
                >
                  {t.keys.capChange}
                </Button>
              )}
              {onRevoke && (
                <Button onClick={() => onRevoke(key)} aria-label={`${t.keys.revoke} ${key.name}`}>
                  {t.keys.revoke}
                </Button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
      <caption className="sr-only">
        {t.keys.title}, {count(keys.length)}
      </caption>
    </table>
  );
}
