/** The data address under which a page shows a picture; null for what is no picture. */
import type { ToolAttachment } from "../protocol.gen";

export function attachmentAddress({ kind, data }: ToolAttachment): string | null {
  if (kind === "png") return `data:image/png;base64,${data}`;
  if (kind === "svg") return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(data)}`;
  return null;
}
