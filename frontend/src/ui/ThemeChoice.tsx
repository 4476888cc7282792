import { useState } from "react";
import { t } from "../strings";
import { type Theme, themeRead, themeSet } from "./theme";

const THEMES: Theme[] = ["system", "light", "dark"];

export function ThemeChoice() {
  const [theme, setTheme] = useState(themeRead);
  return (
    <fieldset className="flex gap-1 text-xs">
      <legend className="sr-only">{t.nav.theme}</legend>
      {THEMES.map((choice) => (
        <label
          key={choice}
          className="cursor-pointer rounded-sm px-1.5 py-1 text-soft first-of-type:-ml-1.5 hover:text-ink has-checked:bg-sunk has-checked:text-ink has-focus-visible:outline-2 has-focus-visible:outline-accent max-md:px-3 max-md:py-3 max-md:first-of-type:-ml-3"
        >
          <input
            type="radio"
            name="theme"
            className="sr-only"
            checked={theme === choice}
            onChange={() => {
              setTheme(choice);
              themeSet(choice);
            }}
          />
          {t.nav.themes[choice]}
        </label>
      ))}
    </fieldset>
  );
}
