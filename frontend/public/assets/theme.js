// Runs before the first paint, so that a dark page never flashes light. The setting is kept by src/ui/theme.ts.
(() => {
  let choice = null;
  try {
    choice = localStorage.getItem("svend.theme");
  } catch {
    // storage refused by the browser: the system's theme holds
  }
  const isDark = choice ? choice === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("dark", isDark);
})();
