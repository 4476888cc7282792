/** The payments that were made or tried, the newest first, with what became of each. */
import { dateTime, utc } from "../format/dates";
import { money } from "../format/numbers";
import { TableHead } from "../ui/TableHead";
import { centsToNano } from "./cents";
import { b } from "./strings";
import type { Payment } from "./types";

const TONES: Record<Payment["status"], string> = {
  created: "text-soft",
  open: "text-soft",
  action_required: "text-abstain",
  failed: "text-reject",
  expired: "text-soft",
  succeeded: "text-accept",
};

export function PaymentsTable({ payments }: { payments: Payment[] }) {
  const { columns } = b.payments;
  return (
    <table className="figures w-full text-left text-sm">
      <caption className="sr-only">{b.payments.title}</caption>
      <TableHead
        columns={[
          columns.when,
          columns.what,
          { label: columns.amount, align: "right" },
          { label: columns.status, align: "right" },
        ]}
      />
      <tbody>
        {payments.map((payment) => (
          <tr key={payment.id} className="border-b border-line align-top">
            <td className="py-2.5 pr-4 text-soft">
              <time dateTime={payment.created_at} title={utc(payment.created_at)}>
                {dateTime(payment.created_at)}
              </time>
            </td>
            <td className="py-2.5 pr-4">
              {b.payments.kinds[payment.kind]}
              {payment.failure_message && <span className="block text-soft">{payment.failure_message}</span>}
              {payment.refunds.map((refund) => (
                <span key={refund.id} className="block text-soft">
                  {b.payments.refunded(refund.amount_cents)}
                </span>
              ))}
            </td>
            <td className="py-2.5 pr-4 text-right">
              {money(centsToNano(payment.amount_cents))}
              {payment.tax_cents > 0 && (
                <span className="block text-soft">{b.payments.tax(payment.tax_cents)}</span>
              )}
            </td>
            <td className={`py-2.5 text-right ${TONES[payment.status]}`}>
              {b.payments.statuses[payment.status]}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
