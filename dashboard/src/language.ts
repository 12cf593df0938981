/**
 * Before uPlot: it makes a format of numbers for the browser's language as soon as it is loaded,
 * which throws where that is none, as "C" in WebKitGTK. Nothing is written by that format here.
 */
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-GB' });
}
