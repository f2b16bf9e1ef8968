// The section "Dependency graph": boxes in columns by the longest path of their needs, from left to right.

import { boxesOf, reachedFrom } from "./boxes.js";
import { h, hasModifier, rove, section, svg } from "./dom.js";
import { counted } from "./format.js";
import { layOut } from "./layers.js";
import { chooseStage } from "./moves.js";
import { ACROSS, DOWN, drawBox, drawHatch, edgePath, pathEdges } from "./nodes.js";
import { clamp } from "./scale.js";
import { isShown } from "./state.js";
import { LABEL_FONT } from "./surface.js";

const GRAPH_HINT = "Arrow keys follow edges, Enter selects.";

/**
 * @param {Element} parent
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").Store} store
 */
export function mountGraph(parent, model, store) {
  let { boxes, note, partial } = boxesOf([], -1);
  let layout = layOut([]);
  let version = model.version;
  let zoom = 0;
  /** @type {number[][]} */
  let needs = [];
  /** @type {number[][]} */
  let dependents = [];
  /** @type {SVGElement[]} */
  let nodes = [];
  /** @type {SVGElement[]} */
  let edges = [];
  const ruler = /** @type {CanvasRenderingContext2D} */ (h("canvas").getContext("2d"));
  ruler.font = LABEL_FONT;

  const width = () => layout.lines.length * ACROSS - 30;
  const fitting = () => Math.min(scroll.clientWidth / width(), 1);
  const zoomTo = (/** @type {number} */ wanted) => {
    zoom = clamp(wanted, 0.3, 2);
    picture.setAttribute("width", String(Math.round(width() * zoom)));
  };
  const focused = () => nodes.findIndex((node) => node === document.activeElement);
  const press = (/** @type {KeyboardEvent} */ event) => {
    const n = focused();
    if (n < 0 || hasModifier(event)) return;
    const line = layout.lines[layout.column[n]];
    const place = line.indexOf(n);
    /** @type {Record<string, number | undefined>} */
    const beside = {
      ArrowRight: dependents[n][0],
      ArrowLeft: needs[n][0],
      ArrowUp: line[place - 1],
      ArrowDown: line[place + 1],
    };
    if (event.key === "Enter" || event.key === " ") chooseStage(model, store, boxes[n].lead.at);
    else if (event.key in beside) rove(nodes, beside[event.key] ?? n, true);
    else return;
    event.preventDefault();
  };
  /** @type {(text: string, name: string, wanted: () => number) => HTMLElement} */
  const zoomButton = (text, name, wanted) => h("button", { "aria-label": name, onclick: () => zoomTo(wanted()) }, text);

  const enter = () => rove(nodes, focused(), false);
  const picture = svg("svg", { role: "application", "aria-roledescription": "graph", onkeydown: press });
  // On the picture itself this listener would make it a stop for Tab.
  const scroll = h("div", { class: "graph", onfocusin: enter }, picture);
  const words = h("p", { class: "aside" });
  const tools = h(
    "div",
    { class: "tools" },
    zoomButton("−", "Make the graph smaller", () => zoom / 1.25),
    zoomButton("+", "Make the graph larger", () => zoom * 1.25),
    zoomButton("Fit width", "Fit width", fitting),
    h("a", { href: "#stage-table" }, "As a table: column Needs"),
  );
  const place = section(parent, "graph", "Dependency graph", words, tools, scroll);

  const build = () => {
    const now = focused();
    ({ boxes, note, partial } = boxesOf(model.stages, store.get().stage));
    needs = boxes.map((box) => box.needs);
    layout = layOut(needs);
    dependents = boxes.map(() => []);
    for (const { from, to } of layout.edges) dependents[from].push(to);
    const path = pathEdges(boxes, layout);
    // The critical path comes last, so that it lies above the others.
    layout.edges.sort((a, b) => Number(path.has(a)) - Number(path.has(b)));
    edges = layout.edges.map((edge) =>
      svg("path", { d: edgePath(edge, layout), class: path.has(edge) ? "edge critical" : "edge" }),
    );
    nodes = boxes.map((box, n) => {
      const at = `translate(${layout.column[n] * ACROSS} ${Math.round(layout.row[n] * DOWN)})`;
      return drawBox(ruler, box, at, dependents[n].length, () => chooseStage(model, store, box.lead.at));
    });
    place.hidden = !model.hasNeeds || nodes.length === 0;
    if (place.hidden) return;
    picture.replaceChildren(drawHatch(), ...edges, ...nodes);
    picture.setAttribute("viewBox", `-8 -8 ${width()} ${layout.rows * DOWN + 2}`);
    const counts = `${counted(nodes.length, "node")}, ${counted(edges.length, "edge")}`;
    picture.ariaLabel = `Dependency graph: ${counts}. ${GRAPH_HINT}`;
    words.textContent = `${note}Heavy lines: critical path. ${GRAPH_HINT}`;
    zoomTo(zoom || Math.max(fitting(), 0.85));
    // Of a part, the selected stage comes first.
    rove(nodes, partial ? 0 : now, now >= 0);
  };

  /** @type {(n: number) => void} */
  const reveal = (n) => {
    // Whoever works in the picture has it in sight already.
    if (n < 0 || focused() >= 0) return;
    const [x, y] = [layout.column[n] * ACROSS * zoom, layout.row[n] * DOWN * zoom];
    scroll.scrollTo(x - scroll.clientWidth / 2, y - scroll.clientHeight / 2);
  };

  /** Marks the selected box, all it needs and all that need it; dims the others, and what the filters hide. */
  const shade = () => {
    const state = store.get();
    const chosen = boxes.findIndex((box) => box.stages.some((stage) => stage.at === state.stage));
    const kin = new Set([...reachedFrom(needs, chosen), ...reachedFrom(dependents, chosen)]);
    const near = boxes.map(
      ({ stages }, n) => (chosen < 0 || kin.has(n)) && stages.some((stage) => isShown(stage, state)),
    );
    nodes.forEach((node, n) => {
      node.classList.toggle("far", !near[n]);
      node.ariaPressed = String(n === chosen);
    });
    layout.edges.forEach(({ from, to }, n) => edges[n].classList.toggle("far", !near[from] || !near[to]));
    if (chosen >= 0) reveal(chosen);
  };

  store.listen((state, before) => {
    const moved = state.stage !== before.stage;
    const newer = version !== model.version;
    version = model.version;
    if (newer || (partial && moved)) build();
    if (newer || moved || state.find !== before.find || state.only !== before.only) shade();
  });
  build();
  reveal(boxes.findIndex((box) => box.critical));
  shade();
}
