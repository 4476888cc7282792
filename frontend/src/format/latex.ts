/**
 * Answers as the model writes them ("3*x**2 + 2", "[-2, 2]", "{x: 2, y: 1}") to LaTeX, so that they can be set
 * as mathematics. A small precedence parser over SymPy's notation; `null` for whatever is not wholly such an
 * expression: words stay words. It never evaluates anything.
 */

type Token = { kind: "number" | "name" | "sign"; text: string };

const LENGTH_MAX = 2_000; // characters; longer output is set as output
const DEPTH_MAX = 40;

const GREEK = new Set(
  "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega".split(
    " ",
  ),
);
const FUNCTIONS = new Set(
  "sin cos tan cot sec csc sinh cosh tanh log ln exp asin acos atan gcd max min det".split(" "),
);
const CONSTANTS: Record<string, string> = {
  oo: "\\infty",
  zoo: "\\tilde{\\infty}",
  E: "e",
  I: "i",
  True: "",
  False: "",
};
const WORDS_OF_MATHEMATICS = new Set(["oo", "zoo", "pi"]);
const RELATIONS: Record<string, string> = {
  "=": "=",
  "==": "=",
  "<": "<",
  ">": ">",
  "<=": "\\le ",
  ">=": "\\ge ",
  "!=": "\\ne ",
};

function tokens(text: string): Token[] | null {
  const found: Token[] = [];
  const pattern =
    /\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|(\*\*|<=|>=|==|!=|[-+*/^()[\]{},:=<>!%]))/gy;
  let end = 0;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    end = pattern.lastIndex;
    const [, number, name, sign] = match;
    if (number !== undefined) found.push({ kind: "number", text: number });
    else if (name !== undefined) found.push({ kind: "name", text: name });
    else if (sign !== undefined) found.push({ kind: "sign", text: sign });
  }
  return text.slice(end).trim() ? null : found;
}

class NotMath extends Error {}

interface Node {
  latex: string;
  /** How tightly it holds together: 1 sum, 2 product, 3 power, 4 atom. */
  tightness: 1 | 2 | 3 | 4;
  isNumber?: boolean;
}

class Parser {
  private position = 0;
  private depth = 0;

  constructor(private readonly list: Token[]) {}

  whole(): string {
    const latex = this.relation();
    if (this.position < this.list.length) throw new NotMath();
    return latex;
  }

  private peek(): string | null {
    return this.list[this.position]?.text ?? null;
  }

  private take(): Token {
    const token = this.list[this.position++];
    if (!token) throw new NotMath();
    return token;
  }

  private accept(text: string): boolean {
    if (this.peek() !== text || this.list[this.position]?.kind !== "sign") return false;
    this.position += 1;
    return true;
  }

  private relation(): string {
    let latex = this.sum().latex;
    for (let sign = this.peek(); sign !== null && sign in RELATIONS; sign = this.peek()) {
      this.position += 1;
      latex += ` ${RELATIONS[sign]} ${this.sum().latex}`;
    }
    return latex;
  }

  private sum(): Node {
    if (++this.depth > DEPTH_MAX) throw new NotMath();
    let node = this.product();
    for (;;) {
      const sign = this.peek();
      if (sign !== "+" && sign !== "-") break;
      this.position += 1;
      const right = this.product();
      const latex = sign === "-" && right.tightness === 1 ? paren(right.latex) : right.latex;
      node = { latex: `${node.latex} ${sign} ${latex}`, tightness: 1 };
    }
    this.depth -= 1;
    return node;
  }

  private product(): Node {
    let node = this.signed();
    for (;;) {
      if (this.accept("*")) {
        const right = this.signed();
        const sign = right.isNumber || /^\d/.test(right.latex) ? " \\cdot " : " ";
        node = { latex: `${tight(node, 2)}${sign}${tight(right, 2)}`, tightness: 2 };
      } else if (this.accept("/")) {
        node = { latex: `\\frac{${node.latex}}{${this.signed().latex}}`, tightness: 2 };
      } else return node;
    }
  }

  private signed(): Node {
    if (this.accept("-")) return { latex: `-${tight(this.signed(), 2)}`, tightness: 2 };
    if (this.accept("+")) return this.signed();
    return this.power();
  }

  private power(): Node {
    const base = this.postfix();
    if (!this.accept("**") && !this.accept("^")) return base;
    const exponent = this.signed();
    return { latex: `${tight(base, 4)}^{${exponent.latex}}`, tightness: 3 };
  }

  private postfix(): Node {
    const node = this.atom();
    if (this.accept("!")) return { latex: `${tight(node, 4)}!`, tightness: 4 };
    return node;
  }

  private atom(): Node {
    const token = this.take();
    if (token.kind === "number") return { latex: token.text, tightness: 4, isNumber: true };
    if (token.kind === "name") return this.named(token.text);
    if (token.text === "(") {
      const items = this.items(")");
      const inner = items.join(", ");
      // A bracket around one thing is dropped where the layout itself groups (fractions); `tight` puts it back.
      return items.length === 1
        ? { latex: inner, tightness: 1 }
        : { latex: `\\left(${inner}\\right)`, tightness: 4 };
    }
    if (token.text === "[") return this.list_();
    if (token.text === "{") return this.set();
    throw new NotMath();
  }

  private named(name: string): Node {
    const constant = CONSTANTS[name];
    if (constant === "") throw new NotMath();
    if (constant) return { latex: constant, tightness: 4 };
    if (this.accept("(")) return this.called(name);
    if (GREEK.has(name)) return { latex: `\\${name}`, tightness: 4 };
    const variable = /^([A-Za-z])_?(\d*)$/.exec(name);
    if (!variable) throw new NotMath();
    return { latex: variable[2] ? `${variable[1]}_{${variable[2]}}` : String(variable[1]), tightness: 4 };
  }

  private called(name: string): Node {
    const items = this.items(")");
    const inner = items.join(", ");
    if (name === "sqrt" && items.length === 1) return { latex: `\\sqrt{${inner}}`, tightness: 4 };
    if (name === "exp" && items.length === 1) return { latex: `e^{${inner}}`, tightness: 3 };
    if (name === "Abs" && items.length === 1) return { latex: `\\left|${inner}\\right|`, tightness: 4 };
    if (name === "Matrix") throw new NotMath();
    if (!FUNCTIONS.has(name)) throw new NotMath();
    return { latex: `\\operatorname{${name}}\\left(${inner}\\right)`, tightness: 4 };
  }

  private list_(): Node {
    if (this.accept("]")) return { latex: "\\left[\\,\\right]", tightness: 4 };
    return { latex: `\\left[${this.items("]").join(",\\; ")}\\right]`, tightness: 4 };
  }

  private set(): Node {
    const parts: string[] = [];
    if (!this.accept("}")) {
      do {
        const left = this.sum().latex;
        parts.push(this.accept(":") ? `${left} = ${this.sum().latex}` : left);
      } while (this.accept(","));
      if (!this.accept("}")) throw new NotMath();
    }
    const isSolution = parts.some((part) => part.includes(" = "));
    const inner = parts.join(isSolution ? ",\\quad " : ",\\; ");
    return { latex: isSolution ? inner : `\\left\\{${inner}\\right\\}`, tightness: 4 };
  }

  private items(close: string): string[] {
    const items: string[] = [];
    do items.push(this.relation());
    while (this.accept(","));
    if (!this.accept(close)) throw new NotMath();
    return items;
  }
}

const paren = (latex: string): string => `\\left(${latex}\\right)`;
const tight = (node: Node, atLeast: number): string =>
  node.tightness < atLeast ? paren(node.latex) : node.latex;

/** LaTeX for a whole expression, or null when the text is not one. */
export function latexOf(text: string): string | null {
  const trimmed = text.trim().replaceAll("−", "-").replaceAll("×", "*").replaceAll("·", "*");
  if (
    !trimmed ||
    trimmed.length > LENGTH_MAX ||
    (/^[A-Za-z]{2,}$/.test(trimmed) && !WORDS_OF_MATHEMATICS.has(trimmed))
  )
    return null;
  const list = tokens(trimmed);
  if (!list?.length) return null;
  try {
    return new Parser(list).whole();
  } catch (error) {
    if (error instanceof NotMath) return null;
    throw error;
  }
}

export interface Span {
  kind: "text" | "math";
  text: string;
}

/** An answer in spans of text and mathematics: `$…$`, `\(…\)`, `\[…\]` where written, or the whole as SymPy's notation. */
export function spansOf(answer: string): Span[] {
  const whole = latexOf(answer.replace(/\.$/, ""));
  if (whole) return [{ kind: "math", text: whole }];
  const spans: Span[] = [];
  const pattern = /\$\$([^$]+)\$\$|\$([^$\n]+)\$|\\\(([\s\S]+?)\\\)|\\\[([\s\S]+?)\\\]/g;
  let end = 0;
  for (const match of answer.matchAll(pattern)) {
    if (match.index > end) spans.push(...plainSpans(answer.slice(end, match.index)));
    spans.push({ kind: "math", text: match.slice(1).find((group) => group !== undefined) ?? "" });
    end = match.index + match[0].length;
  }
  if (end < answer.length) spans.push(...plainSpans(answer.slice(end)));
  return spans;
}

// Letters stand alone between signs, so the two halves of the repetition share no character: linear on any text.
const MATH_WORD =
  /^[-+*/^=<>!()[\]{},\d.:]*(?:(?:[A-Za-z]|sqrt|pi|sin|cos|tan|log|exp)[-+*/^=<>!()[\]{},\d.:]+)*(?:[A-Za-z]|pi)?$/;
const WORD_LENGTH_MAX = 80; // characters: a longer one is output, not a formula in a sentence

/** In a sentence, a run of words that are signs and numbers ("1729 = 1^3 + 12^3") is set as mathematics. */
function plainSpans(text: string): Span[] {
  const spans: Span[] = [];
  let plain = "";
  let run: string[] = [];
  const flush = () => {
    const joined = run.join("");
    const [, clause = "", tail = ""] = /^(.*?)([.,;:]?\s*)$/s.exec(joined) ?? [];
    const latex = /[*^=]|\d\s*[+/]\s*\d/.test(clause) ? latexOf(clause) : null;
    if (latex) {
      if (plain) spans.push({ kind: "text", text: plain });
      spans.push({ kind: "math", text: latex });
      plain = tail;
    } else plain += joined;
    run = [];
  };
  for (const piece of text.match(/\S+\s*|\s+/g) ?? []) {
    const word = piece.trimEnd();
    if (word && word.length <= WORD_LENGTH_MAX && MATH_WORD.test(word)) {
      run.push(piece);
      if (/[.;:]$/.test(word)) flush();
    } else {
      flush();
      plain += piece;
    }
  }
  flush();
  if (plain) spans.push({ kind: "text", text: plain });
  return spans;
}
