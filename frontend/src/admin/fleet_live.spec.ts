import { expect, it } from "vitest";
import { jobsMerged } from "./fleet_live";
import { jobOf } from "./sample_jobs";

const pages = [
  { results: [jobOf({ id: "job_a" })], next: "c" },
  { results: [jobOf({ id: "job_b" })], next: null },
];

it("puts a job's new row in its place", () => {
  const merged = jobsMerged(pages, jobOf({ id: "job_b", step: 99 }));
  expect(merged?.[1]?.results[0]?.step).toBe(99);
  expect(merged?.[0]).toEqual(pages[0]);
});

it("knows that a list lacks a job", () => expect(jobsMerged(pages, jobOf({ id: "job_new" }))).toBeNull());
