/**
 * Text with mathematics set by KaTeX, which loads with the first formula. Until then, and wherever KaTeX refuses,
 * the text itself stands. KaTeX builds elements, not markup: no HTML of the model's is ever parsed.
 */
import { useEffect, useRef } from "react";
import { spansOf } from "../format/latex";

const EXPANSIONS_MAX = 200; // macro expansions: a bound on what hostile LaTeX can cost
const SIZE_EM_MAX = 20;

export function MathText({ text }: { text: string }) {
  return (
    <span className="math-line">
      {spansOf(text).map((span, index) =>
        span.kind === "math" ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the spans of one text do not move
          <Formula key={index} latex={span.text} />
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: the spans of one text do not move
          <span key={index} className="whitespace-pre-wrap">
            {span.text}
          </span>
        ),
      )}
    </span>
  );
}

export function Formula({ latex }: { latex: string }) {
  const element = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let isGone = false;
    void import("./katex").then(({ katex }) => {
      if (isGone || !element.current) return;
      katex.render(latex, element.current, {
        output: "htmlAndMathml",
        throwOnError: false,
        trust: false,
        maxExpand: EXPANSIONS_MAX,
        maxSize: SIZE_EM_MAX,
        strict: "ignore",
      });
    });
    return () => {
      isGone = true;
    };
  }, [latex]);
  return <span ref={element}>{latex}</span>;
}
