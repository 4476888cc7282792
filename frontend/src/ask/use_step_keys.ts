/** `[` and `]` walk the rail's steps, and Enter folds or unfolds the one that has the focus. */
import type { RefObject } from "react";
import { useHotkeys } from "../ui/use_hotkeys";

export function useStepKeys(column: RefObject<HTMLElement | null>): void {
  const walk = (by: 1 | -1) => {
    const steps = [...(column.current?.querySelectorAll<HTMLElement>("[data-step]") ?? [])];
    if (!steps.length) return;
    const at = steps.findIndex((step) => step.contains(document.activeElement));
    const next =
      at === -1 ? (by === 1 ? 0 : steps.length - 1) : Math.min(steps.length - 1, Math.max(0, at + by));
    steps[next]?.focus({ preventScroll: true });
    steps[next]?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  };
  useHotkeys({
    "[": () => walk(-1),
    "]": () => walk(1),
    Enter: () => {
      const active = document.activeElement;
      if (!(active instanceof HTMLElement) || !active.matches("[data-step]")) return;
      active.querySelector<HTMLElement>("[data-step-toggle]")?.click();
      active.focus({ preventScroll: true });
    },
  });
}
