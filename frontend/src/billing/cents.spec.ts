import { expect, it } from "vitest";
import { centsRead, centsTyped, dollars } from "./cents";

it("reads whole cents and nothing else", () => {
  expect(centsRead("10")).toBe(1000);
  expect(centsRead(" $1,250.5 ")).toBe(125_050);
  expect(centsRead("0.05")).toBe(5);
  for (const text of ["", "ten", "1.005", "-5", "1e3", "12345678"]) expect(centsRead(text)).toBeNull();
});

it("shows what it reads", () => {
  for (const cents of [5, 99, 100, 1250, 125_000]) expect(centsRead(centsTyped(cents))).toBe(cents);
  expect(dollars(1000)).toBe("$10");
  expect(dollars(1250)).toBe("$12.50");
  expect(dollars(123_456_00)).toBe("$123,456");
});
