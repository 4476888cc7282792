/** The one thing that is wrong with the money, with its date and its cure; nothing where all is well. */
import { useMutation } from "@tanstack/react-query";
import { Button } from "../ui/Button";
import { errorWords } from "../ui/Notice";
import { paymentConfirm, portalOpen } from "./api";
import { leaveTo } from "./leave";
import { b } from "./strings";
import type { Banner, Billing } from "./types";

const IS_GRAVE: Record<Banner["kind"], boolean> = {
  paused: true,
  will_pause: true,
  card_declined: true,
  auto_top_up_off: true,
  action_required: false,
  owed: false,
};

export function BannerNotice({ billing }: { billing: Billing }) {
  const { banner, pending_action: pending } = billing;
  const portal = useMutation({ mutationFn: portalOpen, onSuccess: ({ url }) => leaveTo(url) });
  const confirm = useMutation({
    mutationFn: paymentConfirm,
    onSuccess: ({ url }) => (url ? leaveTo(url) : location.reload()),
  });
  if (!banner) return null;
  const isConfirm = banner.kind === "action_required" && pending;
  const failure = portal.error ?? confirm.error;
  const when = b.banner.since(banner);
  return (
    <section
      role="alert"
      className={`flex flex-col items-start gap-3 border-l-2 bg-raised py-3 pr-4 pl-4 ${IS_GRAVE[banner.kind] ? "border-reject" : "border-abstain"}`}
    >
      <p className="max-w-[72ch]">
        <strong className="font-semibold">{banner.message}</strong>
        {when && ` ${when}`}
      </p>
      {failure && <p className="text-sm text-reject">{errorWords(failure)}</p>}
      {isConfirm ? (
        <Button look="accent" disabled={confirm.isPending} onClick={() => confirm.mutate(pending.payment_id)}>
          {confirm.isPending ? b.banner.opening : b.banner.confirm}
        </Button>
      ) : (
        banner.kind !== "owed" && (
          <Button disabled={portal.isPending} onClick={() => portal.mutate()}>
            {portal.isPending ? b.banner.opening : b.banner.card}
          </Button>
        )
      )}
    </section>
  );
}
