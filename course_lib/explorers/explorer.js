// The page's half of an explorer: native controls, a picture and a live sentence. All numbers and words come
// from Python; this file moves controls, and shows what comes back.

const same = (a, b) => JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());

// Scroll a node into view and hold it there, while cells on the way, which get their height when they are seen,
// would push it out; until the reader does something, and no longer than a moment.
const show = (node) => {
  const centre = () => node.scrollIntoView({ block: "center" });
  const holding = setInterval(centre, 50);
  const letGo = () => clearInterval(holding);
  for (const act of ["keydown", "pointerdown", "wheel"]) addEventListener(act, letGo, { capture: true, once: true });
  setTimeout(letGo, 300);
  centre();
};

// A link to the statement on this page that begins so, or to the reference if there is none here.
const linkTo = (statement) => {
  const link = make("a", { textContent: statement, href: "11_reference.ipynb", target: "_blank" });
  link.addEventListener("click", (event) => {
    const here = [...document.querySelectorAll("strong")].find((node) => node.textContent.startsWith(`${statement}:`));
    if (!here) return;
    event.preventDefault();
    show(here);
  });
  return link;
};

function render({ model, el }) {
  const spec = model.get("spec");
  const id = `explorer-${Math.random().toString(36).slice(2)}`;
  const place = (name) => model.get("places")[name];
  const waiting = () => !same(model.get("places"), model.get("shown"));
  const move = (places) => {
    model.set("places", { ...model.get("places"), ...places });
    model.save_changes(); // the widget manager keeps the last value only while Python is busy
  };

  // A control of kind "slider" or "choice", with its label and its value in words.
  const control = (c, k) => {
    const box = { id: `${id}-${k}`, "data-lm-suppress-shortcuts": "true" }; // arrow keys are for the control
    const label = make("label", { htmlFor: box.id, textContent: c.label });
    if (c.kind === "choice") {
      const options = c.words.map((text, value) => make("option", { value, textContent: text }));
      const select = make("select", box, ...options);
      select.addEventListener("change", () => move({ [c.name]: select.selectedIndex }));
      return { row: [label, select, make("span")], follow: () => (select.selectedIndex = place(c.name)) };
    }
    const range = make("input", { type: "range", min: 0, max: c.words.length - 1, step: 1, ...box });
    const words = make("span", { "aria-hidden": "true" }); // the slider itself says it
    const say = (at) => {
      range.setAttribute("aria-valuetext", c.words[at]);
      words.textContent = c.words[at];
    };
    range.addEventListener("input", () => {
      say(range.valueAsNumber);
      if (spec.live) move({ [c.name]: range.valueAsNumber });
    });
    if (!spec.live) range.addEventListener("change", () => move({ [c.name]: range.valueAsNumber }));
    const follow = () => say((range.value = place(c.name)));
    return { row: [label, range, make("span", {}, words, ...(c.play ? [player(c)] : []))], follow };
  };

  // Step through a slider's values, each after the picture of the one before has come.
  const player = (c) => {
    const button = make("button", { type: "button", textContent: "▶", "aria-label": `play ${c.label}` });
    let timer = null;
    const stop = () => {
      clearInterval(timer);
      timer = null;
      button.textContent = "▶";
      button.setAttribute("aria-label", `play ${c.label}`);
    };
    const step = () => {
      if (!button.isConnected || place(c.name) >= c.words.length - 1) stop();
      else if (!waiting()) move({ [c.name]: place(c.name) + 1 });
    };
    button.addEventListener("click", () => {
      if (timer) return stop();
      if (place(c.name) >= c.words.length - 1) move({ [c.name]: 0 });
      button.textContent = "❚❚";
      button.setAttribute("aria-label", `pause ${c.label}`);
      timer = setInterval(step, 120);
    });
    return button;
  };

  const controls = spec.controls.map(control);
  const buttons = spec.presets.map(([name, places]) => {
    const button = make("button", { type: "button", textContent: name });
    button.addEventListener("click", () => move(places));
    return button;
  });
  const panel = make(
    "fieldset",
    { className: "controls" },
    ...controls.flatMap(({ row }) => row),
    make("div", { className: "buttons" }, ...buttons),
  );

  // Predict first: controls are locked and the picture is veiled until an answer is given.
  const answers = spec.answers.map((text, k) => {
    const button = make("button", { type: "button", textContent: text });
    button.addEventListener("click", () => {
      model.set("predicted", k);
      model.save_changes();
    });
    return button;
  });
  const status = make("span", { role: "status", className: "spoken" });
  const question = make("p", {}, make("strong", { textContent: "Predict first. " }), spec.question);
  const prediction = make("div", { className: "prediction", role: "group", "aria-label": "Predict first" },
    question, make("div", { className: "buttons" }, ...answers, status));

  const [width, height] = spec.size;
  const image = make("img", { alt: spec.alt, width, height });
  const sentence = make("figcaption", { "aria-live": "polite", "aria-atomic": "true" });
  const veil = make("p", { className: "veil", textContent: "The picture appears when you have answered." });
  const figure = make("figure", {}, image, sentence, ...(answers.length ? [veil] : []));
  const title = make("strong", { id: `${id}-title`, textContent: spec.title });
  const heading = make("div", { className: "heading" }, title);
  if (spec.theory) heading.append(linkTo(spec.theory));

  el.append(
    make("section", { className: "explorer", "aria-labelledby": `${id}-title`, style: `--width: ${width}px` },
      heading, ...(answers.length ? [prediction] : []), panel, figure),
  );

  const showPlaces = () => {
    controls.forEach(({ follow }) => follow());
    figure.setAttribute("aria-busy", waiting());
  };
  const showSentence = () => (sentence.textContent = model.get("sentence"));
  const showPrediction = () => {
    const chosen = model.get("predicted");
    panel.disabled = answers.length > 0 && chosen < 0;
    figure.classList.toggle("veiled", panel.disabled);
    answers.forEach((button, k) => {
      button.disabled = chosen >= 0;
      button.setAttribute("aria-pressed", k === chosen);
    });
    status.textContent = chosen < 0 ? "" : "Noted. Picture and controls are there now.";
  };

  return follow(model, image, {
    "change:places": showPlaces,
    "change:sentence": showSentence,
    "change:shown": showPlaces,
    "change:predicted": showPrediction,
  });
}

export default { render };
