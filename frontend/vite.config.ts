/// <reference types="vitest/config" />
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// In development the pages come from Vite and everything else from a running Svend (`make up`).
const BACKEND = process.env.SVEND_URL ?? "http://127.0.0.1:8000";
const proxied = ["/api", "/_allauth", "/v1", "/docs", "/dev/mail", "/welcome", "/static"];

/** KaTeX and Plex name each font in older formats too; every browser that runs this build reads woff2. */
const woff2Only: Plugin = {
  name: "woff2-only",
  enforce: "pre",
  transform: (code, id) =>
    /katex|fontsource/.test(id) && id.endsWith(".css")
      ? code.replace(/,\s*url\([^)]+\.(?:woff|ttf)\)\s*format\(['"](?:woff|truetype)['"]\)/g, "")
      : null,
};

export default defineConfig({
  plugins: [react(), tailwindcss(), woff2Only],
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the content security policy allows files of our own, not data: scripts or fonts
    manifest: true, // scripts/check_size.mjs reads it
  },
  server: {
    proxy: {
      ...Object.fromEntries(proxied.map((path) => [path, { target: BACKEND, changeOrigin: true }])),
      "/ws": { target: BACKEND, ws: true, changeOrigin: true },
    },
  },
  test: { environment: "happy-dom", include: ["src/**/*.spec.{ts,tsx}"] },
});
