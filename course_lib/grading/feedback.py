"""Pages: for a student what each answer does beside the reference, for the teacher the class in one picture."""

import base64
import json
from collections import Counter
from html import escape
from io import BytesIO
from textwrap import fill

import numpy as np

from course_lib.grading import checks
from course_lib.grading import question as questions
from course_lib.grading.checks import NOT_YET

STYLE = """
body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em} img{max-width:100%}
table{border-collapse:collapse} td,th{text-align:left;vertical-align:top;padding:.3em 1em .3em 0}
"""
PANELS = 3  # quantities drawn of one question


def read(question, text):
    """What an answer did on the public inputs, as its cell printed it; nothing where that is not plausible.

    Parameters
    ----------
    question : Question
    text : str
        Untrusted: the student's code may have printed it.

    Returns
    -------
    list
        A case each: the error as a sentence, or lists of numbers by what is measured.
    """
    try:
        found = json.loads(text)
        whole = isinstance(found, list) and len(found) == questions.CASES
        plausible = whole and all(_plausible(case) for case in found)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return []
    return found if plausible else []


def difference(question, shown):
    """The first thing in which an answer differs from the reference on public inputs; empty if nothing does."""
    for case, args in zip(shown, question.cases(0, 0)):
        found = case[:300] if isinstance(case, str) else checks.compare(question, *_both(question, case, args))
        if found:
            return f"{found.rstrip('.')}, for {checks.described(args)}."
    return ""


def page(sheet):
    """The feedback for one submission, as HTML; it holds nothing of the hidden inputs."""
    body = f"<h1>{escape(sheet.submission)}</h1><p>{escape(sheet.notebook)}</p>"
    if sheet.fault:
        return _html(sheet.submission, body + f"<p><b>NOT GRADED</b>: {escape(sheet.fault)}</p>")
    body += f"<p><b>{sheet.points} of {sheet.of} points</b> by the numbers"
    body += f", and {sheet.total_of - sheet.of} for your own words.</p>" if sheet.by_hand else ".</p>"
    rows = "".join(_row(i, m) for i, m in sheet.marks.items())
    rows += "".join(_row(i, m, m.note or "marked by hand") for i, m in sheet.by_hand.items() if m.points is not None)
    body += f"<table><tr><th>question<th>points<th>what we saw{rows}</table>"
    lost = [(i, picture(questions.find(i), m.shown)) for i, m in sheet.marks.items() if m.shown]
    figures = "".join(f"<h3>{escape(i)}</h3>{image}" for i, image in lost if image)
    said = "<h2>Yours against the reference</h2><p>On the inputs of the public check. A point on the line is right.</p>"
    return _html(sheet.submission, body + (said + figures if figures else ""))


def picture(question, shown):
    """What an answer gave and the reference does not, one over the other; an HTML image, empty if there is nothing."""
    from course_lib import plots

    points = _points(question, shown)
    if not points:
        return ""
    fig, axes = plots.figure(columns=len(points), width=3.2, height=2.9)
    for ax, (what, (x, y)) in zip(np.ravel(axes), points.items()):
        ends = [x.min(initial=0), x.max(initial=0)]
        ax.plot(ends, ends, color="0.6", linewidth=1)
        ax.plot(x, y, "o", markersize=4, color=plots.COLORS[1], alpha=0.7)
        ax.set(xlabel="the reference's", ylabel="yours", title=fill(what, 40))
    return _image(fig, f"yours over the reference's: {', '.join(points)}")


def class_page(sheets):
    """Statistics per question, the misconceptions counted, and a picture of the class, as HTML."""
    done = [s for s in sheets if not s.fault]
    body = f"<h1>The class</h1><p>{len(done)} of {len(sheets)} graded.</p>"
    body += "".join(f"<p><b>NOT GRADED</b> {escape(s.submission)}: {escape(s.fault)}</p>" for s in sheets if s.fault)
    for notebook in dict.fromkeys(s.notebook for s in done):
        group = [s for s in done if s.notebook == notebook]
        rows = "".join(_statistics(i, [s.marks[i] for s in group]) for i in group[0].marks)
        head = "<tr><th>question<th>right<th>not right<th>not attempted<th>what was seen, and how often"
        body += f"<h2>{escape(notebook)}</h2>{_class_picture(group)}<table>{head}{rows}</table>"
    return _html("The class", body)


def _statistics(grade_id, marks):
    right, blank = (sum(m.note == note for m in marks) for note in ("right", NOT_YET))
    causes = Counter(m.note for m in marks if m.note not in ("right", NOT_YET))
    said = "<br>".join(f"{count} x {escape(note)}" for note, count in causes.most_common())
    return f"<tr><td>{escape(grade_id)}<td>{right}<td>{causes.total()}<td>{blank}<td>{said}"


def _class_picture(group):
    """How many reached how many points, and who earned what: light is nothing, dark is everything."""
    from course_lib import plots

    ids, of = list(group[0].marks), group[0].of
    ranked = sorted(group, key=lambda s: -s.points)
    share = np.array([[s.marks[i].points / s.marks[i].of for i in ids] for s in ranked]).reshape(len(ranked), -1)
    fig, (left, right) = plots.figure(columns=2, width=4.2, height=3 + 0.02 * len(group))
    left.hist([s.points for s in group], bins=np.arange(of + 2) - 0.5, color=plots.COLORS[0])
    left.set(xlabel=f"points of {of}", ylabel="submissions", title=f"{len(group)} submissions")
    right.imshow(share, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    right.grid(False)
    right.set(yticks=[], ylabel="submissions, best first", title="who earned what")
    right.set_xticks(range(len(ids)), [i.partition("-")[2] for i in ids], rotation=45, ha="right")
    return _image(fig, f"points of {len(group)} submissions")


def _plausible(case):
    return isinstance(case, str) or all(np.asarray(values, float).size for values in case.values())


def _both(question, case, args):
    """An answer's numbers and the reference's on one input; an error of shapes shows in the comparison."""
    right = questions.outcome(question, question.reference, args)
    yours = {what: np.array(case.get(what, []), float) for what in right}
    return yours, right


def _points(question, shown):
    """Numbers of the reference and of the answer, of the first quantities in which they differ somewhere."""
    points = {}
    for case, args in zip(shown, question.cases(0, 0)):
        yours, right = ({}, {}) if isinstance(case, str) else _both(question, case, args)
        for what in [what for what in right if yours[what].shape == right[what].shape]:
            points.setdefault(what, []).append((right[what].ravel(), yours[what].ravel()))
    pairs = {what: np.concatenate(found, axis=1) for what, found in points.items()}
    drawn = {what: pair[:, np.all(abs(pair) < 1e100, axis=0)] for what, pair in pairs.items()}
    differ = [w for w, (x, y) in drawn.items() if np.any(abs(x - y) > checks.TOLERANCE * question.size(w))]
    return {what: drawn[what] for what in differ[:PANELS]}


def _row(grade_id, mark, note=None):
    return f"<tr><td>{escape(grade_id)}<td>{mark.points:g} of {mark.of}<td>{escape(note or mark.note)}"


def _image(fig, alt):
    file = BytesIO()
    fig.savefig(file, format="png", dpi=90, bbox_inches="tight")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def _html(title, body):
    head = f"<meta charset='utf-8'><title>{escape(title)}</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang='en'>{head}{body}</html>"
