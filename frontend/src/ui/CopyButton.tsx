import { useEffect, useState } from "react";
import { t } from "../strings";
import { Button } from "./Button";

const SAID_MS = 1_600;

export function CopyButton({
  text,
  label,
  look,
}: {
  text: string;
  label?: string;
  look?: "plain" | "quiet" | "accent";
}) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return (
    <Button look={look} onClick={() => void clipboardWrite(text).then(setCopied)}>
      <span aria-live="polite">{isCopied ? t.run.copied : (label ?? t.common.copy)}</span>
    </Button>
  );
}

/** True when the text is on the clipboard. Plain http on another host has no clipboard API: select and copy there. */
async function clipboardWrite(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
}
