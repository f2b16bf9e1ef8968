// Elements from code. Text only ever goes in as text: nothing in this folder parses markup.

/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes */
/** @typedef {Node | string | null | undefined} Child */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element: `h("button", { class: "tool", onclick: zoomOut }, "−")`. A key that begins with `on` is a listener; null, undefined
 * and false leave an attribute out, true sets it empty.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  dress(element, attributes, children);
  return element;
}

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  dress(element, attributes, children);
  return /** @type {SVGElementTagNameMap[Tag]} */ (element);
}

/**
 * @param {Element} element
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
}

/**
 * Calls `work` once before the next picture, however often it is asked to.
 * @param {() => void} work
 * @returns {() => void}
 */
export function frame(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

/**
 * A section of the dashboard: a heading of level 3, then its content.
 * @param {Element} parent
 * @param {string} id
 * @param {string} title
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function section(parent, id, title, ...children) {
  const heading = h("h3", { id: `${id}-title` }, title);
  const element = h("section", { id, class: "part", "aria-labelledby": `${id}-title` }, heading, ...children);
  parent.append(element);
  return element;
}

/**
 * Says something to those who listen to the page instead of looking at it.
 * @param {string} text
 */
export function announce(text) {
  const place = document.getElementById("spoken");
  if (place !== null) place.textContent = text;
}

/**
 * Whether a key belongs to the browser or the system.
 * @param {KeyboardEvent} event
 * @returns {boolean}
 */
export function hasModifier({ ctrlKey, altKey, metaKey }) {
  return ctrlKey || altKey || metaKey;
}

/**
 * Makes one of many the one that Tab comes to.
 * @param {(HTMLElement | SVGElement)[]} items
 * @param {number} wanted the nearest one is taken
 * @param {boolean} focus
 */
export function rove(items, wanted, focus) {
  const goal = items[Math.max(Math.min(wanted, items.length - 1), 0)];
  for (const item of items) item.tabIndex = item === goal ? 0 : -1;
  if (focus) goal?.focus();
}
