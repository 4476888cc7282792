// Fails a build whose first route loads more JavaScript than the budget, so that weight is noticed when it comes.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const FIRST_ROUTE_BYTES_MAX = 200 * 1024; // gzipped; what a phone on a slow line can wait for

const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));
const seen = new Set();
const visit = (key) => {
  if (seen.has(key)) return;
  seen.add(key);
  for (const imported of manifest[key].imports ?? []) visit(imported);
};
visit("index.html");
// The page that opens first is a lazy chunk too: it counts.
const ask = Object.keys(manifest).find((key) => key.endsWith("pages/AskPage.tsx"));
if (ask) visit(ask);
const bytes = [...seen]
  .map((key) => gzipSync(readFileSync(`dist/${manifest[key].file}`)).length)
  .reduce((sum, size) => sum + size, 0);
console.log(
  `first route: ${(bytes / 1024).toFixed(1)} kB of JavaScript gzipped, ${FIRST_ROUTE_BYTES_MAX / 1024} allowed`,
);
if (bytes > FIRST_ROUTE_BYTES_MAX) process.exit(1);
