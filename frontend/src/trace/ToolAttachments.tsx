/**
 * What a tool shows beside its text: figures, formulas, steps. All of it comes from strangers' programs: a picture,
 * SVG too, is an image by a data address, where no script runs and nothing is loaded; a formula is KaTeX's.
 */
import type { ToolAttachment } from "../protocol.gen";
import { t } from "../strings";
import { Formula } from "../ui/MathText";
import { attachmentAddress } from "./attachment_address";

export function ToolAttachments({ attachments }: { attachments: readonly ToolAttachment[] }) {
  if (attachments.length === 0) return null;
  return (
    <ul aria-label={t.trace.attachmentsLabel} className="border-t border-dashed border-line">
      {attachments.map((attachment, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the attachments of one result do not move
        <li key={index} className="px-3.5 py-2.5">
          <Attachment attachment={attachment} />
        </li>
      ))}
    </ul>
  );
}

function Attachment({ attachment }: { attachment: ToolAttachment }) {
  const { kind, title, data } = attachment;
  const address = attachmentAddress(attachment);
  if (address)
    return (
      <figure>
        <img src={address} alt={title} className="max-h-[420px] max-w-full rounded-md" />
        <figcaption aria-hidden="true" className="mt-1 text-sm text-soft">
          {title}
        </figcaption>
      </figure>
    );
  if (kind === "latex")
    return (
      <section aria-label={title} tabIndex={0} className="scrolls flex items-baseline gap-3">
        <span className="text-sm whitespace-nowrap text-soft">{title}</span>
        <Formula latex={data} />
      </section>
    );
  return (
    <details>
      <summary className="cursor-pointer text-sm text-soft hover:text-ink">{title}</summary>
      <section aria-label={title} tabIndex={0} className="scrolls mt-1">
        <pre className="font-mono text-[13px] leading-[21px]">{data}</pre>
      </section>
    </details>
  );
}
