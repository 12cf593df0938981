/** Light, dark, or as the system says; a choice is remembered in this browser. */
export type Theme = 'auto' | 'light' | 'dark';

const KEY = 'clickrate-theme';
const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

export function savedTheme(): Theme {
  try {
    const saved = localStorage.getItem(KEY) as Theme | null;
    return saved !== null && THEMES.includes(saved) ? saved : 'auto';
  } catch {
    // Storage may be forbidden; the theme is then not remembered.
    return 'auto';
  }
}

export function applyTheme(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === 'auto') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // As above.
  }
  dispatchEvent(new Event('themechange'));
}

export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
}
