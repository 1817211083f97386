// What the page's half of every live picture needs. Python puts it before the widget's own script.

const make = (tag, props = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
};

// Call each listener now and at its event, and keep the image; returns what undoes all of it.
const follow = (model, image, listeners) => {
  const showPicture = () => {
    const old = image.src;
    image.src = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    if (old) URL.revokeObjectURL(old);
  };
  const all = Object.entries({ "change:png": showPicture, ...listeners });
  for (const [event, listener] of all) {
    model.on(event, listener);
    listener();
  }
  return () => {
    for (const [event, listener] of all) model.off(event, listener);
    URL.revokeObjectURL(image.src);
  };
};

