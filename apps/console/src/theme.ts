/** How the page is lit: as the system says, or as somebody chose here. */
export type Theme = "system" | "light" | "dark";

const KEY = "keybrake-theme";

/** What was chosen in this browser. */
export function readTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** Makes it so, and remembers it. */
export function applyTheme(theme: Theme): void {
  if (theme === "system") {
    localStorage.removeItem(KEY);
    delete document.documentElement.dataset["theme"];
  } else {
    localStorage.setItem(KEY, theme);
    document.documentElement.dataset["theme"] = theme;
  }
}
