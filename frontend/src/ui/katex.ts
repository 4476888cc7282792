/** KaTeX and its style sheet, in a chunk of their own. */
import "katex/dist/katex.min.css";
import katex from "katex";

export { katex };
