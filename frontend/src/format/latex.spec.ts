import { describe, expect, it } from "vitest";
import { latexOf, spansOf } from "./latex";

describe("SymPy's notation to LaTeX", () => {
  it.each([
    ["3*x**2 + 2", "3 x^{2} + 2"],
    ["[-2, 2]", "\\left[-2,\\; 2\\right]"],
    ["{x: 2, y: 1}", "x = 2,\\quad y = 1"],
    ["x**2/2 + x", "\\frac{x^{2}}{2} + x"],
    ["(x + 1)*(x - 1)", "\\left(x + 1\\right) \\left(x - 1\\right)"],
    ["sqrt(2)/2", "\\frac{\\sqrt{2}}{2}"],
    ["-sin(x)", "-\\operatorname{sin}\\left(x\\right)"],
    ["2*3", "2 \\cdot 3"],
    ["x^-1", "x^{-1}"],
    ["(x + 1)**2", "\\left(x + 1\\right)^{2}"],
    ["oo", "\\infty"],
    ["1729 = 1^3 + 12^3", "1729 = 1^{3} + 12^{3}"],
    ["a - (b + c)", "a - \\left(b + c\\right)"],
    ["42", "42"],
  ])("%s", (text, latex) => expect(latexOf(text)).toBe(latex));

  it.each([
    "yes",
    "Ann is a knight",
    "True",
    "",
    "3 +",
    "(1",
    "no: 1730",
    "x; y",
    "\\frac{1}{2}",
    "<b>x</b>",
  ])("leaves %j as it is", (text) => expect(latexOf(text)).toBeNull());

  it("gives up on depth, not on the page", () =>
    expect(latexOf("(".repeat(500) + ")".repeat(500))).toBeNull());
});

describe("spans of an answer", () => {
  it("sets a whole expression", () =>
    expect(spansOf("3*x**2 + 2")).toEqual([{ kind: "math", text: "3 x^{2} + 2" }]));
  it("sets an equation inside a sentence", () =>
    expect(spansOf("Yes. 1729 = 1^3 + 12^3")).toEqual([
      { kind: "text", text: "Yes. " },
      { kind: "math", text: "1729 = 1^{3} + 12^{3}" },
    ]));
  it("ends the mathematics where the sentence goes on", () =>
    expect(spansOf("The derivative is 3*x**2 + 2, as asked.")).toEqual([
      { kind: "text", text: "The derivative is " },
      { kind: "math", text: "3 x^{2} + 2" },
      { kind: "text", text: ", as asked." },
    ]));
  it("takes marked mathematics as it is written", () =>
    expect(spansOf("so $x^2$ holds")).toEqual([
      { kind: "text", text: "so " },
      { kind: "math", text: "x^2" },
      { kind: "text", text: " holds" },
    ]));
  it("leaves words alone", () =>
    expect(spansOf("Ann is a knight, Bob is a knave.")).toEqual([
      { kind: "text", text: "Ann is a knight, Bob is a knave." },
    ]));
});
