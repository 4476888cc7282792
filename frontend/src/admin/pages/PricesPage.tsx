/** Every price row, and adding one. Rows are never changed. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { dateTime, utc } from "../../format/dates";
import { money } from "../../format/numbers";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Empty, ErrorNotice, Skeleton } from "../../ui/Notice";
import { TableHead } from "../../ui/TableHead";
import { AdminFrame } from "../AdminFrame";
import { type PriceRow, pricesQuery } from "../money/api";
import { PriceForm } from "../money/PriceForm";
import { m } from "../money/strings";

export function PricesPage() {
  const [isAdding, setAdding] = useState(false);
  const add = (
    <Button look="accent" onClick={() => setAdding(true)}>
      {m.prices.add}
    </Button>
  );
  return (
    <AdminFrame title={m.prices.title} hint={m.prices.hint} action={add}>
      <PriceList isAdding={isAdding} onClose={() => setAdding(false)} />
    </AdminFrame>
  );
}

function PriceList({ isAdding, onClose }: { isAdding: boolean; onClose: () => void }) {
  const prices = useQuery(pricesQuery);
  const models = [...new Set((prices.data ?? []).map((row) => row.model))];
  return (
    <>
      {prices.isPending && <Skeleton />}
      {prices.isError && <ErrorNotice error={prices.error} onRetry={() => void prices.refetch()} />}
      {prices.isSuccess && prices.data.length === 0 && <Empty>{m.prices.empty}</Empty>}
      {prices.data && prices.data.length > 0 && <PriceTable rows={prices.data} />}
      <Dialog title={m.prices.add} isOpen={isAdding} onClose={onClose}>
        <PriceForm models={models} onClose={onClose} />
      </Dialog>
    </>
  );
}

const LOOKS = { coming: "text-abstain", current: "text-accept", past: "text-soft" };

function PriceTable({ rows }: { rows: PriceRow[] }) {
  const { columns } = m.prices;
  return (
    <section aria-label={m.prices.title} tabIndex={0} className="scrolls">
      <table className="figures w-full min-w-[560px] text-left text-sm">
        <TableHead
          columns={[
            columns.model,
            { label: columns.price, align: "right" },
            columns.from,
            columns.state,
            { label: columns.id, align: "right" },
          ]}
        />
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} className={`border-b border-line ${row.state === "past" ? "text-soft" : ""}`}>
              <td className="py-2.5 pr-4 font-medium">{row.model}</td>
              <td className="py-2.5 pr-4 text-right">{money(row.nano_usd_per_token * 1_000_000)}</td>
              <td className="py-2.5 pr-4 whitespace-nowrap">
                <time dateTime={row.effective_from} title={utc(row.effective_from)}>
                  {dateTime(row.effective_from)}
                </time>
              </td>
              <td className={`py-2.5 pr-4 ${LOOKS[row.state]}`}>{m.prices.states[row.state]}</td>
              <td className="py-2.5 text-right text-soft">{row.id}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
