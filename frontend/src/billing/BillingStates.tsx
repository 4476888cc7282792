/** Every banner and state of the billing page's parts, without a server: for designers and for screenshot tests. */
import { AutoTopUpPanel } from "./AutoTopUpPanel";
import { BannerNotice } from "./BannerNotice";
import { PaymentsTable } from "./PaymentsTable";
import { TopUpPanel } from "./TopUpPanel";
import type { AutoTopUp, Banner, Billing, Payment } from "./types";

const AT = "2026-12-03T09:00:00Z";
const CARD = { brand: "visa", last4: "4242", exp_month: 12, exp_year: 2034 };

const BILLING: Billing = {
  is_configured: true,
  has_tax: false,
  balance_nano_usd: 9_488_000_000,
  available_nano_usd: 9_488_000_000,
  held_nano_usd: 0,
  credit_limit_nano_usd: 0,
  owed_nano_usd: 0,
  refundable_nano_usd: 0,
  month_to_date_nano_usd: 1_780_000_000,
  price_nano_usd_per_token: 3_000,
  top_up_cents_min: 500,
  top_up_cents_max: 100_000,
  card: null,
  auto_top_up: null,
  pay_as_you_go: null,
  pending_action: null,
  banner: null,
};

const AUTO: AutoTopUp = {
  is_enabled: true,
  threshold_cents: 500,
  target_cents: 2_000,
  monthly_ceiling_cents: 10_000,
  spent_this_month_cents: 1_500,
  is_ceiling_reached: false,
  retry_at: null,
  switched_off_reason: "",
};

const BANNERS: Banner[] = [
  { kind: "paused", message: "Your bank took a payment back. Answer its dispute, or write to us.", at: AT },
  { kind: "will_pause", message: "The invoice of November was not paid: change the card.", at: AT },
  {
    kind: "card_declined",
    message: "Your card was refused. We try again after 2026-12-03 09:00 UTC.",
    at: AT,
  },
  { kind: "auto_top_up_off", message: "Your card was refused 4 times: automatic top-up is off.", at: null },
  { kind: "action_required", message: "Your bank wants you to confirm a top-up of $15.00.", at: AT },
  { kind: "owed", message: "A chargeback left $4.20 to pay: the next top-up covers that first.", at: null },
];

const STATUSES: Payment["status"][] = ["succeeded", "failed", "action_required", "open", "expired"];

const PAYMENTS: Payment[] = STATUSES.map((status, place) => ({
  id: `pay_${place}`,
  kind: place === 0 ? "checkout" : "auto",
  status,
  amount_cents: 1_000 + place,
  tax_cents: place === 0 ? 190 : 0,
  failure_message: status === "failed" ? "Your card was declined." : "",
  created_at: AT,
  finished_at: null,
  refunds: [],
}));

export function BillingStates() {
  return (
    <section aria-label="Billing" className="flex flex-col gap-4 border-t border-line pt-6">
      {BANNERS.map((banner) => (
        <BannerNotice
          key={banner.kind}
          billing={{
            ...BILLING,
            banner,
            pending_action:
              banner.kind === "action_required" ? { payment_id: "pay_0", amount_cents: 1_500 } : null,
          }}
        />
      ))}
      <div className="grid grid-cols-2 items-start gap-4 max-lg:grid-cols-1">
        <TopUpPanel billing={BILLING} />
        <AutoTopUpPanel billing={{ ...BILLING, card: CARD, auto_top_up: AUTO }} />
      </div>
      <PaymentsTable payments={PAYMENTS} />
    </section>
  );
}
