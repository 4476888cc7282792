/** The theme setting: system, light or dark. public/assets/theme.js applies it before the first paint. */

export type Theme = "system" | "light" | "dark";

const KEY = "svend.theme";
const dark = () => matchMedia("(prefers-color-scheme: dark)");

export function themeRead(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system"; // storage refused by the browser
  }
}

export function themeSet(theme: Theme): void {
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // storage refused: the choice holds until the next page load
  }
  themeApply(theme);
}

export function themeApply(theme: Theme): void {
  document.documentElement.classList.toggle(
    "dark",
    theme === "dark" || (theme === "system" && dark().matches),
  );
}

/** Follows the system while the choice is "system". */
export function themeFollow(): void {
  dark().addEventListener("change", () => themeApply(themeRead()));
}
