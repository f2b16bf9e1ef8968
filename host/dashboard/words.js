// Text of others made harmless to look at: what would be invisible or turn the line around is shown as a mark.

/**
 * A text on one line: control characters and those that change the direction of writing are replaced.
 * @param {string} text
 * @param {number} [most] characters
 * @returns {string}
 */
export function visibleText(text, most = 400) {
  const cut = text.length > most ? `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, "")}…` : text;
  return cut.replace(/\s+/g, " ").replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\u25AF");
}
