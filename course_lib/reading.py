"""The reading edition: lectures and homework as plain pages for any web host, by `python -m course_lib.reading FOLDER`.

Nothing runs there and nothing is fetched from elsewhere: pictures are in the pages, an explorer is a still with its
sentence, and the script that sets the formulas lies beside them.
"""

import argparse
import re
import shutil
from html import escape
from pathlib import Path

import nbformat

#: Folders of notebooks that students get, and the heading that they stand under.
PARTS = {"notebooks": "Lectures and studies", "exercises": "Homework"}
MATHJAX = "mathjax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full"
UNUSED = shutil.ignore_patterns("localization", "a11y", "SVG", "NativeMML", "PreviewHTML")
# The page of a notebook as it looks in JupyterLab, a way back, and an explorer's sentence under its still.
TEMPLATE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js_requirejs %}
<script>window.MathJax = {"HTML-CSS": {availableFonts: [], webFont: "STIX-Web"}}</script>
<style>.jp-RenderedHTMLCommon .highlight pre { font-family: var(--jp-code-font-family) }</style>
{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block body_header %}
{{ super() }}<nav class="jp-RenderedHTMLCommon"><a href="../index.html">All lectures and exercises</a></nav>
{% endblock %}
{% block data_png scoped %}
{% set still = output.metadata['image/png'] %}
<img src="data:image/png;base64,{{ output.data['image/png'] }}" style="max-width: 100%"
{% if still %}width="{{ still.width }}" alt="An explorer at its start; the words below say what it shows">
<p class="jp-RenderedHTMLCommon">{{ output.data['text/plain'] | escape }}</p>
{% else %}alt="A figure that the code above draws">{% endif %}
{% endblock %}
"""
INDEX = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Distributed Optimization for Machine Learning</title>
<style>body {{ max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 17px/1.6 system-ui, sans-serif }}
a {{ color: #0b57a4 }} li {{ margin: 0.2rem 0 }}</style>
<main><h1>Distributed Optimization for Machine Learning</h1>
<p>A course to read: all pictures and results are here as they were computed. To move a slider, to change a line and to
hand in homework, open the notebooks themselves.</p>
{parts}</main></html>
"""


def build(root, out, names=()):
    """Write the reading edition.

    Parameters
    ----------
    root : Path
        The course's folder, with `PARTS` in it.
    out : Path
        Where the pages go; made if it is not there.
    names : sequence of str
        Only these notebooks, by the name of their file; all unless told.

    Returns
    -------
    Path
        The page to begin with.
    """
    titles = {folder: {} for folder in PARTS}
    for folder in PARTS:
        for path in sorted((root / folder).glob("*.ipynb")):
            if not names or path.stem in names:
                titles[folder][path.stem] = _title(path)
                _write(out / folder / f"{path.stem}.html", page(path))
    _copy_mathjax(out / "mathjax")
    return _write(out / "index.html", index(titles))


def page(path):
    """A notebook as a page of HTML."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(raw_template=TEMPLATE, mathjax_url=f"../{MATHJAX}", embed_images=True)
    html, _ = exporter.from_filename(str(path))
    html = re.sub("<title>.*?</title>", f"<title>{escape(_title(path))}</title>", html, count=1)
    return re.sub(r'href="([^":#?]+)\.ipynb\b', r'href="\1.html', html)  # links that stay within the course


def _title(path):
    """What a notebook's first heading says."""
    words = (cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    return next(found[1] for found in (re.search("^# (.+)$", text, re.M) for text in words) if found)


def index(titles):
    """The page that leads to all others, by their titles."""
    lines = []
    for folder, pages in titles.items():
        links = [f'<li><a href="{folder}/{name}.html">{escape(title)}</a></li>' for name, title in pages.items()]
        lines += [f"<h2>{PARTS[folder]}</h2>", "<ul>", *links, "</ul>"]
    return INDEX.format(parts="\n".join(lines))


def _copy_mathjax(folder):
    import jupyter_server_mathjax

    static = Path(jupyter_server_mathjax.__file__).parent / "static"
    shutil.copytree(static, folder, ignore=UNUSED, dirs_exist_ok=True)


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def main():
    """Build from the command line, in the course's folder."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.reading", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pages go")
    parser.add_argument("names", nargs="*", help="notebooks, such as 02_synchronous; all unless told")
    arguments = parser.parse_args()
    print(f"Begin with {build(Path.cwd(), arguments.folder, arguments.names)}")


if __name__ == "__main__":
    main()
