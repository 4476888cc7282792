import { expect, it } from "vitest";
import { perMillionToNano } from "./price";

it.each([
  ["3", 3_000],
  ["$2.505", 2_505],
  ["0.5", 500],
  ["0.001", 1],
  ["0", null],
  ["0.0001", null],
  ["-3", null],
  ["1e3", null],
  ["", null],
])("%j", (text, nano) => expect(perMillionToNano(text)).toBe(nano));
