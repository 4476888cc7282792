/** Single-key shortcuts of a page. Silent while someone types, and with a modifier held. */
import { useLayoutEffect, useRef } from "react";

export type Hotkeys = Record<string, (event: KeyboardEvent) => void>;

export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select"))
  );
}

export function useHotkeys(hotkeys: Hotkeys): void {
  const latest = useRef(hotkeys);
  useLayoutEffect(() => {
    latest.current = hotkeys;
  });
  // With the page's first paint, not after it: a key pressed as soon as the page stands must count.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target) && event.key !== "Escape") return;
      if (document.querySelector("dialog[open]")) return; // an open dialog has the keyboard
      const act = latest.current[event.key];
      if (act) act(event);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}
