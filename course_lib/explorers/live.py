"""What every live picture of the course is made of: a widget with a picture and a sentence, and a still of it."""

from base64 import b64encode
from pathlib import Path

import anywidget
import traitlets
from IPython import get_ipython

HERE = Path(__file__).parent


def script(name):
    """The page's half of a widget: what all need, and its own."""
    return "".join((HERE / file).read_text(encoding="utf-8") for file in ("page.js", name))


def style(*names):
    """The look of all widgets, and its own."""
    return "".join((HERE / file).read_text(encoding="utf-8") for file in ("explorer.css", *names))


def soon(task):
    """Run a task after the kernel has said that it is ready for more: the page then sends the next value while we draw.

    Of values that come meanwhile the last is drawn, if the task looks at what there is when it runs.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:  # nobody waits
        task()
    else:
        kernel.io_loop.add_callback(task)


class LiveView(anywidget.AnyWidget):
    """A picture in the page, with a sentence that says what it shows."""

    _css = style()
    spec = traitlets.Dict().tag(sync=True)  # title, controls, words: never changes
    png = traitlets.Bytes().tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)


class Live:
    """Something that a notebook shows when it ends a cell: it has a `view`, a still by `png()`, and words."""

    def still_size(self):
        """Width and height of the still in CSS pixels."""
        return self.size

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The live widget; a still for pages that run nothing; words that nbval can compare."""
        width, height = self.still_size()
        data = {
            "text/plain": repr(self),
            "image/png": b64encode(self.png()).decode(),
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2, "version_minor": 1, "model_id": self.view.model_id,
            },
        }  # fmt: skip
        return data, {"image/png": {"width": width, "height": height}}
