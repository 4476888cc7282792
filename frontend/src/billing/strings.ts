/** What the billing page says. Money first, in words somebody says aloud; an error says what, why and what to do. */
import { dayMonth } from "../format/dates";
import { money } from "../format/numbers";
import { dollars } from "./cents";
import type { Banner, Billing, Payment } from "./types";

export const b = {
  title: "Billing",
  cancel: "Cancel",
  price: (perMillion: string) =>
    `${perMillion} per 1 million tokens, prompt and answer alike. Reasoning counts; checking and tool time are free. What stops by our fault costs nothing.`,
  balance: "Balance",
  balanceNote: (heldNanoUsd: number) => `${money(heldNanoUsd)} set aside for running questions`,
  credit: (limitNanoUsd: number) => `and ${money(limitNanoUsd)} of credit, invoiced monthly`,
  month: "This month",
  monthNote: (day: string) => `since ${day} (UTC)`,
  notConfigured: "This server takes no payments: its operator has not set up Stripe. Credit comes from them.",

  topUp: {
    title: "Top up",
    hint: (cents: number) =>
      `Credit is used up by what you ask and does not expire. Least ${dollars(cents)}. You pay on the next page; we never see the card.`,
    amount: "Amount",
    other: "Other",
    otherLabel: "Amount in dollars",
    bad: "Write an amount in dollars, such as 20 or 12.50.",
    bounds: (least: number, most: number) => `A top-up is between ${dollars(least)} and ${dollars(most)}.`,
    keep: "Keep the card for automatic top-ups",
    keepHint: "You can remove it at any time.",
    tax: "Tax is added on the next page.",
    send: (cents: number | null) => (cents === null ? "Top up" : `Top up ${dollars(cents)}`),
    sending: "Opening the payment page",
  },

  arrival: {
    waiting: (cents: number) => `Waiting for the bank to confirm your ${dollars(cents)}. This takes seconds.`,
    waitingUnknown: "Asking how your payment went.",
    paid: (cents: number) => `${dollars(cents)} of credit has arrived. Thank you.`,
    failed: (cents: number, why: string) =>
      `Your payment of ${dollars(cents)} did not go through${why ? `: ${why}` : "."} Nothing was charged. Try again, or use another card.`,
    expired: "This payment page was left unfinished. Nothing was charged.",
    late: "The payment is not confirmed yet. It is credited as soon as it is; you can leave this page.",
    dismiss: "Dismiss",
  },

  auto: {
    title: "Automatic top-up",
    off: "Off. With a kept card, your balance can fill itself up before it runs out.",
    noCard: "Top up once with “Keep the card” ticked; then this can be switched on.",
    on: (setting: { threshold_cents: number; target_cents: number }, card: string) =>
      `When the balance falls below ${dollars(setting.threshold_cents)}, ${card} is charged up to ${dollars(setting.target_cents)}.`,
    ceilingUse: (spent: number, ceiling: number) =>
      `${dollars(spent)} of at most ${dollars(ceiling)} charged this month.`,
    ceilingReached: "The monthly ceiling is reached: no more automatic charges until next month (UTC).",
    threshold: "Begin below",
    target: "Fill up to",
    ceiling: "At most a month",
    ceilingHint: "Automatic charges stop there, whatever happens.",
    bad: "Write an amount in dollars, such as 20 or 12.50.",
    targetLow: "At least $5 above the amount at which it begins.",
    ceilingLow: "At least $5.",
    switchOn: "Switch on",
    save: "Save",
    switchOff: "Switch off",
    change: "Change",
    saved: "Saved.",
  },

  papers: {
    title: "Cards, invoices and receipts",
    hint: "They are kept by Stripe, on a page of its own.",
    card: (card: NonNullable<Billing["card"]>) =>
      `${brand(card.brand)} ending in ${card.last4}, expires ${String(card.exp_month).padStart(2, "0")}/${card.exp_year}`,
    cardShort: (card: NonNullable<Billing["card"]>) => `${brand(card.brand)} ${card.last4}`,
    noCard: "No card is kept.",
    open: "Open cards and invoices",
    opening: "Opening",
  },

  payAsYouGo: {
    title: "Pay as you go",
    invited: (limitNanoUsd: number) =>
      `You are invited to pay afterwards: up to ${money(limitNanoUsd)} of credit, invoiced each month to the kept card.`,
    active: (limitNanoUsd: number) =>
      `You pay afterwards: up to ${money(limitNanoUsd)} of credit, invoiced each month to the kept card.`,
    ended: "Pay as you go has ended. What was used is on the last invoice.",
    begin: "Begin",
    end: "End it",
  },

  payments: {
    title: "Payments",
    kinds: { checkout: "Top-up", auto: "Automatic top-up" } satisfies Record<Payment["kind"], string>,
    statuses: {
      created: "Beginning",
      open: "Unfinished",
      action_required: "Waits for you",
      failed: "Declined",
      expired: "Left unfinished",
      succeeded: "Paid",
    } satisfies Record<Payment["status"], string>,
    refunded: (cents: number) => `${dollars(cents)} given back`,
    tax: (cents: number) => `and ${dollars(cents)} tax`,
    columns: { when: "When", what: "What", amount: "Amount", status: "State" },
  },

  banner: {
    since: (banner: Banner) => bannerDate(banner),
    confirm: "Confirm with your bank",
    card: "Change the card",
    opening: "Opening",
  },

  statement: {
    title: "Statement",
    hint: "The newest changes of this month. A question’s line leads to its run.",
    whole: "Whole statement",
    csv: "Download CSV",
    empty: "No entries this month. Your first question or top-up begins the statement.",
  },
} as const;

function brand(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function bannerDate(banner: Banner): string {
  if (!banner.at) return "";
  const day = dayMonth(banner.at);
  if (banner.kind === "will_pause") return `From ${day} on, new questions are refused until this is mended.`;
  if (banner.kind === "paused") return `Since ${day}, new questions are refused.`;
  return banner.kind === "card_declined" ? "" : `Since ${day}.`; // its sentence names the day of the next try
}
