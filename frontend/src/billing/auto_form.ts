/** What the form of automatic top-up holds, and what is wrong with it, before the server is asked. Pure. */
import { centsRead, centsTyped } from "./cents";
import { b } from "./strings";
import type { AutoTopUp, AutoTopUpWish } from "./types";

export interface AutoTyped {
  threshold: string;
  target: string;
  ceiling: string;
}

export type AutoErrors = Partial<Record<keyof AutoTyped, string>>;

const CHARGE_CENTS_MIN = 500; // as the server: a smaller charge goes to the card's fee
const FIRST = { threshold_cents: 500, target_cents: 2_000, monthly_ceiling_cents: 10_000 };

export function autoTyped(setting: AutoTopUp | null): AutoTyped {
  const from = setting ?? FIRST;
  return {
    threshold: centsTyped(from.threshold_cents),
    target: centsTyped(from.target_cents),
    ceiling: centsTyped(from.monthly_ceiling_cents),
  };
}

/** The wish, or the fields to mend. */
export function autoWish(typed: AutoTyped, isEnabled: boolean): { wish?: AutoTopUpWish; errors: AutoErrors } {
  const [threshold, target, ceiling] = [typed.threshold, typed.target, typed.ceiling].map(centsRead);
  const errors: AutoErrors = {};
  if (threshold == null) errors.threshold = b.auto.bad;
  if (target == null) errors.target = b.auto.bad;
  if (ceiling == null) errors.ceiling = b.auto.bad;
  if (threshold == null || target == null || ceiling == null) return { errors };
  if (target - threshold < CHARGE_CENTS_MIN) errors.target = b.auto.targetLow;
  if (ceiling < CHARGE_CENTS_MIN) errors.ceiling = b.auto.ceilingLow;
  if (Object.keys(errors).length > 0) return { errors };
  return {
    wish: {
      is_enabled: isEnabled,
      threshold_cents: threshold,
      target_cents: target,
      monthly_ceiling_cents: ceiling,
    },
    errors,
  };
}
