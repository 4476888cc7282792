/** Tokens of one weight that follow each other, as one piece of text: a row has hundreds of tokens. Pure. */
import type { PreviewToken } from "../../protocol.gen";

export function spansOfWeight(tokens: PreviewToken[]): PreviewToken[] {
  const spans: PreviewToken[] = [];
  for (const token of tokens) {
    const last = spans.at(-1);
    if (last && last.weight === token.weight) last.text += token.text;
    else spans.push({ ...token });
  }
  return spans;
}
