/** What the billing page asks for and sends. A wish that moves money carries a key made here, so a repeat moves it once. */
import { queryOptions } from "@tanstack/react-query";
import { request } from "../api/client";
import { idMake } from "../format/ids";
import type { AutoTopUp, AutoTopUpWish, Billing, Payment } from "./types";

export const billingQuery = queryOptions({
  queryKey: ["billing"],
  queryFn: () => request<Billing>("GET", "/api/billing"),
});

export const paymentsQuery = queryOptions({
  queryKey: ["billing", "payments"],
  queryFn: () => request<Payment[]>("GET", "/api/billing/payments"),
});

/** The key of one wish: made when the form opens, so that a second press of its button is the same wish. */
export const wishKey = () => idMake("wish");

export const topUpStart = (wish: { amount_cents: number; keep_card: boolean }, key: string) =>
  request<Payment & { url: string }>("POST", "/api/billing/top-ups", wish, { "idempotency-key": key });

const payment = (id: string) => `/api/billing/payments/${encodeURIComponent(id)}`;

export const paymentRefresh = (id: string) => request<Payment>("POST", `${payment(id)}/refresh`);

export const paymentConfirm = (id: string) =>
  request<{ payment: Payment; url: string }>("POST", `${payment(id)}/action`);

export const paymentRefund = (id: string, amountCents: number, key: string) =>
  request<unknown>(
    "POST",
    `${payment(id)}/refund`,
    { amount_cents: amountCents },
    { "idempotency-key": key },
  );

export const autoTopUpSave = (wish: AutoTopUpWish) =>
  request<AutoTopUp>("PUT", "/api/billing/auto-top-up", wish);

export const portalOpen = () => request<{ url: string }>("POST", "/api/billing/portal");

export const payAsYouGoBegin = () => request<unknown>("POST", "/api/billing/pay-as-you-go");
export const payAsYouGoEnd = () => request<unknown>("DELETE", "/api/billing/pay-as-you-go");
