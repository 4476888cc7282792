/** Colours of Python, as spans of text: enough for a call of ten lines. It colours; it does not judge. */

export interface CodeSpan {
  kind: "plain" | "keyword" | "string" | "comment" | "number";
  text: string;
}

const KEYWORDS =
  "and as assert break class continue def del elif else except False finally for from global if import in is lambda None nonlocal not or pass raise return True try while with yield print range len sum sorted set list dict int str any all min max abs".split(
    " ",
  );
const PATTERN = new RegExp(
  `(#[^\\n]*)|("(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*')|\\b(${KEYWORDS.join("|")})\\b|\\b(\\d+(?:\\.\\d+)?)\\b`,
  "g",
);

export function pythonSpans(code: string): CodeSpan[] {
  const spans: CodeSpan[] = [];
  let end = 0;
  for (const match of code.matchAll(PATTERN)) {
    if (match.index > end) spans.push({ kind: "plain", text: code.slice(end, match.index) });
    const [text, comment, string, keyword] = match;
    spans.push({ kind: comment ? "comment" : string ? "string" : keyword ? "keyword" : "number", text });
    end = match.index + text.length;
  }
  if (end < code.length) spans.push({ kind: "plain", text: code.slice(end) });
  return spans;
}
