import { describe, expect, it } from "vitest";
import type { Gate, Report } from "../api_types";
import { GATES } from "../sample_jobs";
import { gateCure } from "./gate_cures";

const red = (name: string): Gate => ({ name, is_ok: false, message: "", cure: "", is_blocking: true });
const measured = { ...GATES, candidate_report: { id: 1, job_id: "job_measured" } as Report };

describe("the way to a red gate's cure", () => {
  it("is the candidate's evaluation where it has none", () =>
    expect(gateCure(red("candidate_report"), GATES)).toMatchObject({
      to: "/admin/jobs/new",
      search: { kind: "evaluate", model: "svend-nano-2" },
    }));
  it("is the candidate's evaluation asked of what is served", () =>
    expect(gateCure(red("serving_report"), measured)?.search).toEqual({
      kind: "evaluate",
      model: "svend-nano",
      clone: "job_measured",
    }));
  it("begins with the candidate, whose problems the served one is asked", () =>
    expect(gateCure(red("serving_report"), GATES)?.search.model).toBe("svend-nano-2"));
  it.each([
    ["price", "/admin/prices"],
    ["node", "/admin/nodes"],
  ])("of %s is the page %s", (name, to) => expect(gateCure(red(name), GATES)?.to).toBe(to));
  it("is none where the gate is green, or only training helps", () => {
    expect(gateCure({ ...red("price"), is_ok: true }, GATES)).toBeNull();
    expect(gateCure(red("not_worse"), measured)).toBeNull();
  });
});
