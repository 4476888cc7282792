import { describe, expect, it } from "vitest";
import { attachmentAddress } from "./attachment_address";

describe("attachmentAddress", () => {
  it("gives a picture an address of its own bytes", () => {
    expect(attachmentAddress({ kind: "png", title: "sine", data: "iVBORw0=" })).toBe(
      "data:image/png;base64,iVBORw0=",
    );
  });

  it("leaves nothing of an SVG that could end the address or be read as markup", () => {
    const hostile = `"><script>alert(1)</script>#&'<svg/>`;
    const address = attachmentAddress({ kind: "svg", title: "x", data: hostile }) ?? "";
    expect(address.startsWith("data:image/svg+xml;charset=utf-8,")).toBe(true);
    expect(address).not.toMatch(/[<>"#& ]/);
  });

  it("gives text and formulas none", () => {
    expect(attachmentAddress({ kind: "latex", title: "x", data: "x^2" })).toBeNull();
    expect(attachmentAddress({ kind: "text", title: "x", data: "x" })).toBeNull();
  });
});
