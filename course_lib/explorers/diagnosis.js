// The page's half of the quiz: a picture, six answers, and a sentence. An answer is given once a case and stays.

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
  return follow(model, image, {
    "change:case": show,
    "change:given": show,
    "change:shown": show,
    "change:sentence": () => (sentence.textContent = model.get("sentence")),
    "change:score": () => (score.textContent = model.get("score")),
  });
}

export default { render };
