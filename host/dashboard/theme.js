// Colours: the style sheet's tokens as canvases need them, and the choice between light, dark and the system's.

/** @typedef {Record<"bg" | "fg" | "dim" | "line" | "soft" | "link" | "good" | "warn" | "bad" | "s0" | "s1" | "s2" | "s3" | "s4" | "s5" | "s6" | "s7", string>} Palette */

const TOKENS = /** @type {(keyof Palette)[]} */ (
  "bg fg dim line soft link good warn bad s0 s1 s2 s3 s4 s5 s6 s7".split(" ")
);
const THEMES = ["auto", "light", "dark"];
const STORED = "forensic-host.theme";

/** @type {Palette | null} */
let paletteNow = null;
/** @type {(() => void)[]} */
const paletteListeners = [];

/** @returns {Palette} */
export function palette() {
  if (paletteNow === null) {
    // A custom property's own value is not computed (`light-dark()` stays as it is); a colour that uses it is.
    const probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
    paletteNow = /** @type {Palette} */ (
      Object.fromEntries(
        TOKENS.map((token) => {
          probe.style.color = `var(--${token})`;
          return [token, getComputedStyle(probe).color];
        }),
      )
    );
    probe.remove();
  }
  return paletteNow;
}

/**
 * Calls back whenever colours change: by choice, by the system, for a printer.
 * @param {() => void} changed
 */
export function onPalette(changed) {
  paletteListeners.push(changed);
}

function repaint() {
  paletteNow = null;
  for (const changed of paletteListeners) changed();
}

/** Listens to the system and to printing. */
export function watchTheme() {
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", repaint);
  addEventListener("beforeprint", repaint);
  addEventListener("afterprint", repaint);
  try {
    setTheme(localStorage.getItem(STORED) ?? "auto");
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/**
 * @param {string} theme `auto`, `light` or `dark`
 */
export function setTheme(theme) {
  const known = THEMES.includes(theme) ? theme : "auto";
  document.documentElement.dataset.theme = known;
  try {
    localStorage.setItem(STORED, known);
  } catch {
    // As above.
  }
  repaint();
}

/** @returns {string} the next one, in a circle */
export function nextTheme() {
  const now = THEMES.indexOf(document.documentElement.dataset.theme ?? "auto");
  const next = THEMES[(now + 1) % THEMES.length];
  setTheme(next);
  return next;
}
