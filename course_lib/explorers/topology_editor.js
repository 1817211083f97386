// The page's half of the topology editor: workers on a circle, joined and parted by clicks or by Tab and Enter.
// All lines and cells are made once and only restyled: a node that were made anew would lose its click and its focus.

const SVG = "http://www.w3.org/2000/svg";
const SIDE = 300; // CSS pixels
const RADIUS = 118;

const draw = (tag, attributes = {}, ...children) => {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};

const short = (weight) => {
  if (Math.abs(weight) < 5e-4) return "·";
  return weight.toFixed(2).replace(/^(-?)0\./, "$1.");
};

function render({ model, el }) {
  const spec = model.get("spec");
  const m = spec.workers;
  const id = `editor-${Math.random().toString(36).slice(2)}`;
  const at = spec.places.map(([x, y]) => [SIDE / 2 + RADIUS * x, SIDE / 2 - RADIUS * y]);
  let chosen = null; // the first worker of a pair

  const drawing = () => model.get("drawing");
  const key = (i, j) => `${Math.min(i, j)}-${Math.max(i, j)}`;
  const joined = () => new Set(drawing().edges.map(([i, j]) => key(i, j)));
  const change = (part) => {
    model.set("drawing", { ...drawing(), ...part });
    model.save_changes();
  };
  const toggle = (i, j) => {
    const pair = [Math.min(i, j), Math.max(i, j)];
    const rest = drawing().edges.filter(([a, b]) => key(a, b) !== key(i, j));
    const edges = rest.length < drawing().edges.length ? rest : [...rest, pair];
    change({ edges: edges.sort(([a, b], [c, d]) => a - c || b - d) });
  };

  // A line for each pair that may be joined; a wide invisible one on top of it takes the click that parts them.
  const lines = {};
  const links = draw("g", { class: "links" });
  for (let i = 0; i < m; i++) {
    for (let j = i + 1; j < m; j++) {
      const ends = { x1: at[i][0], y1: at[i][1], x2: at[j][0], y2: at[j][1] };
      const target = draw("line", { ...ends, class: "target" }, draw("title", {}, `part ${i} and ${j}`));
      target.addEventListener("click", () => toggle(i, j));
      lines[key(i, j)] = draw("g", {}, draw("line", { ...ends, class: "line" }), target);
      links.append(lines[key(i, j)]);
    }
  }

  const press = (i) => {
    if (chosen === null) chosen = i;
    else {
      const first = chosen;
      chosen = null;
      if (first !== i) toggle(first, i);
    }
    showWorkers();
  };
  const workers = at.map(([x, y], i) => {
    const disc = draw("circle", { cx: x, cy: y, r: 15 });
    const number = draw("text", { x, y }, String(i));
    const worker = draw("g", { class: "worker", role: "button", tabindex: 0, "data-lm-suppress-shortcuts": "true" });
    worker.append(disc, number);
    worker.addEventListener("click", () => press(i));
    worker.addEventListener("keydown", (event) => {
      if (event.key === "Escape") chosen = null;
      else if (event.key === "Enter" || event.key === " ") press(i);
      else return;
      event.preventDefault();
      event.stopPropagation();
      showWorkers();
    });
    return worker;
  });
  const graph = draw("svg", { width: SIDE, height: SIDE, viewBox: `0 0 ${SIDE} ${SIDE}`, role: "group" }, links, ...workers);
  graph.setAttribute("aria-label", "Graph: choose two workers to join them, or to part them");

  const select = make("select", { id, "data-lm-suppress-shortcuts": "true" });
  spec.rules.forEach((text, value) => select.append(make("option", { value, textContent: text })));
  select.addEventListener("change", () => change({ rule: select.selectedIndex }));
  const buttons = spec.presets.map(([name, edges]) => {
    const button = make("button", { type: "button", textContent: name });
    button.addEventListener("click", () => change({ edges }));
    return button;
  });

  const everyone = [...Array(m).keys()];
  const cells = everyone.map(() => everyone.map(() => make("td")));
  const rows = cells.map((row, i) => make("tr", {}, make("th", { scope: "row", textContent: i }), ...row));
  const names = everyone.map((j) => make("th", { scope: "col", textContent: j }));
  const head = make("tr", {}, make("th", { scope: "col", textContent: "W" }), ...names);
  const table = make("table", { "aria-label": "Mixing matrix W" }, make("thead", {}, head), make("tbody", {}, ...rows));

  const [width, height] = spec.size;
  const image = make("img", { alt: spec.alt, width, height, style: `width: ${width}px` });
  const sentence = make("figcaption", { "aria-live": "polite", "aria-atomic": "true" });
  const hint = make("p", { className: "hint" });
  const figure = make("figure", {}, make("div", { className: "panels" }, graph, image, table, hint), sentence);
  const title = make("strong", { id: `${id}-title`, textContent: spec.title });
  const choice = make("div", { className: "buttons" }, make("label", { htmlFor: id, textContent: "weights" }), select, ...buttons);
  el.append(
    make("section", { className: "explorer editor", "aria-labelledby": `${id}-title`, style: "--width: 760px" },
      make("div", { className: "heading" }, title), choice, figure),
  );

  const showWorkers = () => {
    const edges = drawing().edges;
    workers.forEach((worker, i) => {
      const mine = edges.filter((edge) => edge.includes(i)).map(([a, b]) => (a === i ? b : a));
      worker.setAttribute("aria-label", `worker ${i}, ${mine.length ? `linked to ${mine.join(", ")}` : "alone"}`);
      worker.setAttribute("aria-pressed", chosen === i);
    });
    hint.textContent =
      chosen === null
        ? "Click two workers to join or part them; click a line to cut it. By keyboard: Tab, Enter."
        : `Worker ${chosen} and … ? Choose the other end (Escape: none).`;
  };
  const showDrawing = () => {
    const on = joined();
    for (const [pair, line] of Object.entries(lines)) line.classList.toggle("on", on.has(pair));
    select.selectedIndex = drawing().rule;
    figure.setAttribute("aria-busy", JSON.stringify(drawing()) !== JSON.stringify(model.get("shown")));
    showWorkers();
  };
  const showWeights = () => {
    model.get("weights").forEach((row, i) =>
      row.forEach((weight, j) => {
        cells[i][j].textContent = short(weight);
        cells[i][j].style.setProperty("--share", Math.min(Math.abs(weight), 1));
      }),
    );
  };
  return follow(model, image, {
    "change:drawing": showDrawing,
    "change:shown": showDrawing,
    "change:weights": showWeights,
    "change:sentence": () => (sentence.textContent = model.get("sentence")),
  });
}

export default { render };
