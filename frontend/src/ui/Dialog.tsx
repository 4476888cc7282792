/** The browser's own modal dialog: it traps focus, makes the rest inert, closes on Esc and gives focus back. */
import { type ReactNode, useEffect, useRef } from "react";

interface DialogProps {
  isOpen: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  /** A sheet rises from below (facts on a phone); a drawer stands at the left (the menu on a phone). */
  shape?: "box" | "wide" | "sheet" | "drawer";
  /** Closing by Esc or by a click beside it; off where something would be lost. */
  canDismiss?: boolean;
}

const SHAPES = {
  box: "m-auto w-[min(520px,calc(100vw-32px))] rounded-xl border border-line p-6",
  wide: "m-auto w-[min(1120px,calc(100vw-32px))] rounded-xl border border-line p-6",
  sheet: "mx-auto mt-auto mb-0 w-full max-w-[560px] rounded-t-xl border-t border-line p-6 pb-8",
  drawer: "m-0 h-dvh max-h-dvh w-[272px] border-r border-line p-4",
};

export function Dialog({ isOpen, onClose, title, children, shape = "box", canDismiss = true }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (!dialog) return;
    if (isOpen && !dialog.open) dialog.showModal();
    if (!isOpen && dialog.open) dialog.close();
  }, [isOpen]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the click is on the backdrop; Esc is the keyboard's way
    <dialog
      ref={element}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        if (canDismiss) onClose();
      }}
      onClose={() => isOpen && onClose()}
      onClick={(event) => canDismiss && event.target === element.current && onClose()}
      className={`appearing bg-raised max-h-[90dvh] overflow-y-auto ${SHAPES[shape]}`}
    >
      {isOpen && children}
    </dialog>
  );
}
