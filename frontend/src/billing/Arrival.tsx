/** What became of the payment somebody comes back from. Asks until it is known, for half a minute; the credit itself
 *  comes by webhook, whoever watches. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { queryClient } from "../api/queries";
import { Button } from "../ui/Button";
import { ErrorNotice } from "../ui/Notice";
import { paymentRefresh } from "./api";
import { b } from "./strings";
import type { Payment } from "./types";

const ASK_EVERY_MS = 1_500;
const ASK_MS_MAX = 30_000;
const ENDED: Payment["status"][] = ["succeeded", "failed", "expired"];

export function Arrival({ paymentId }: { paymentId: string }) {
  const navigate = useNavigate();
  const [isLate, setLate] = useState(false);
  const payment = useQuery({
    queryKey: ["billing", "payment", paymentId],
    queryFn: () => paymentRefresh(paymentId),
    refetchInterval: (query) =>
      isLate || (query.state.data && ENDED.includes(query.state.data.status)) ? false : ASK_EVERY_MS,
  });
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), ASK_MS_MAX);
    return () => clearTimeout(timer);
  }, []);
  const status = payment.data?.status;
  useEffect(() => {
    if (!status) return;
    void queryClient.invalidateQueries({ queryKey: ["billing"], predicate: notThis });
    void queryClient.invalidateQueries({ queryKey: ["statement"] });
    void queryClient.invalidateQueries({ queryKey: ["me"] });
  }, [status]);
  if (payment.isError) return <ErrorNotice error={payment.error} onRetry={() => void payment.refetch()} />;
  const isGood = status === "succeeded";
  const isBad = status === "failed" || status === "expired";
  return (
    <section
      role={isBad ? "alert" : "status"}
      className={`flex flex-wrap items-center justify-between gap-3 border-l-2 bg-raised py-3 pr-4 pl-4 ${isBad ? "border-reject" : isGood ? "border-accept" : "border-line-strong"}`}
    >
      <p>{words(payment.data, isLate)}</p>
      <Button
        look="quiet"
        onClick={() => void navigate({ to: "/billing", search: {} as never, replace: true })}
      >
        {b.arrival.dismiss}
      </Button>
    </section>
  );
}

/** Asking again about the payment that has just answered would never end. */
const notThis = (query: { queryKey: readonly unknown[] }) => query.queryKey[1] !== "payment";

function words(payment: Payment | undefined, isLate: boolean): string {
  if (!payment) return b.arrival.waitingUnknown;
  if (payment.status === "succeeded") return b.arrival.paid(payment.amount_cents);
  if (payment.status === "failed") return b.arrival.failed(payment.amount_cents, payment.failure_message);
  if (payment.status === "expired") return b.arrival.expired;
  return isLate ? b.arrival.late : b.arrival.waiting(payment.amount_cents);
}
