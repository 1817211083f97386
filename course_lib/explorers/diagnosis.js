// The page's half of the quiz: a picture, six answers, and a sentence. An answer is given once a case and stays.

const make = (tag, props = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
};

function render({ model, el }) {
  const spec = model.get("spec");
  const id = `diagnosis-${Math.random().toString(36).slice(2)}`;
  const answer = () => model.get("given")[model.get("case")] ?? -1;
  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };

  const answers = spec.answers.map((text, k) => {
    const button = make("button", { type: "button", textContent: text });
    button.addEventListener("click", () => set("given", { ...model.get("given"), [model.get("case")]: k }));
    return button;
  });
  const turn = (text, by) => {
    const button = make("button", { type: "button", textContent: text });
    button.addEventListener("click", () => set("case", (model.get("case") + by + spec.cases) % spec.cases));
    return button;
  };
  const place = make("span");
  const score = make("span", { role: "status" });
  const cases = make("div", { className: "buttons" }, turn("Previous case", -1), turn("Next case", 1), place, score);
  const question = make("div", { className: "buttons", role: "group", "aria-label": "What is broken?" }, ...answers);

  const [width, height] = spec.size;
  const image = make("img", { alt: spec.alt, width, height });
  const sentence = make("figcaption", { "aria-live": "polite", "aria-atomic": "true", style: "height: 4.2em" });
  const figure = make("figure", {}, image, sentence);
  const title = make("strong", { id: `${id}-title`, textContent: spec.title });
  el.append(
    make("section", { className: "explorer", "aria-labelledby": `${id}-title`, style: `--width: ${width}px` },
      make("div", { className: "heading" }, title), cases, question, figure),
  );

  const show = () => {
    const given = answer();
    place.textContent = `case ${model.get("case") + 1} of ${spec.cases}`;
    answers.forEach((button, k) => {
      button.disabled = given >= 0;
      button.setAttribute("aria-pressed", k === given);
    });
    figure.setAttribute("aria-busy", model.get("case") !== model.get("shown"));
  };
  const showPicture = () => {
    const old = image.src;
    image.src = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    if (old) URL.revokeObjectURL(old);
  };
  const listeners = {
    "change:case": show,
    "change:given": show,
    "change:shown": show,
    "change:png": showPicture,
    "change:sentence": () => (sentence.textContent = model.get("sentence")),
    "change:score": () => (score.textContent = model.get("score")),
  };
  for (const [event, listener] of Object.entries(listeners)) {
    model.on(event, listener);
    listener();
  }
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
    URL.revokeObjectURL(image.src);
  };
}

export default { render };
