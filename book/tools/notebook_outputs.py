"""Outputs of a notebook: brought into normal form, and what a page must not hold."""

import base64
import io
import re
import tempfile
from pathlib import Path

import nbformat
from notebook_pairs import code_cells
from PIL import Image

from wgan_lessons.grading.execution import merged
from wgan_lessons.grading.formats import CHECKED

IMAGE_BYTES = 80_000
NOTEBOOK_BYTES = 800_000
WIDGET = "application/vnd.jupyter.widget-view+json"
PAYLOAD = re.compile(r"base64,[A-Za-z0-9+/=]+")
ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")


def tags(cell):
    return cell.metadata.get("tags", [])


def smaller(payload):
    """Return a PNG in 256 colours if it takes more than half of what is allowed.

    That halves scatter plots and changes a pixel by less than 1 in 255 on average.
    """
    content = base64.b64decode(payload)
    image = Image.open(io.BytesIO(content))
    if len(content) <= IMAGE_BYTES // 2 or image.mode == "P":
        return payload
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image.convert("RGBA"))
    colours = paper.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    encoded = io.BytesIO()
    colours.save(encoded, "PNG", optimize=True)
    return base64.b64encode(encoded.getvalue()).decode()


def normal(outputs):
    """Return the outputs without progress bars, which tell times; images smaller."""
    for output in outputs:
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = smaller(output.data["image/png"])
    outputs = [o for o in outputs if WIDGET not in o.get("data", {})]
    errors = "".join(o.text for o in outputs if o.get("name") == "stderr")
    if "\r" in errors or not errors.strip():
        outputs = [o for o in outputs if o.get("name") != "stderr"]
    return list(merged(outputs))


def normalise(notebook):
    """Bring every output into the form that the next execution gives again."""
    for cell in code_cells(notebook, setup=True):
        cell.outputs = normal(cell.outputs)
        cell.metadata.pop("execution", None)
    notebook.metadata.pop("widgets", None)


def contents(output):
    """Yield (MIME type, text) for everything that an output shows."""
    if output.output_type == "stream":
        yield "text/plain", output.text
    if output.output_type == "error":
        yield "text/plain", "\n".join([output.evalue, *output.traceback])
    for kind, value in output.get("data", {}).items():
        yield kind, value if isinstance(value, str) else str(value)


def machine_words(root):
    """Return what would show on whose machine, or in which run, a page was made."""
    kernel = str(Path(tempfile.gettempdir()) / "ipykernel_")
    home = str(Path.home())
    return [str(root), kernel, *([f"{home}/"] if len(home) > 1 else [])]


def image_problems(kind, value):
    """Yield a problem if an image is too large for a page."""
    size = len(value) if kind == "image/svg+xml" else len(base64.b64decode(value))
    if size > IMAGE_BYTES:
        yield (
            f"an image of {size:,} bytes; at most {IMAGE_BYTES:,} are allowed. Draw "
            "it smaller or with fewer points"
        )


def text_problems(value, root):
    """Yield what in a text belongs to one machine or to one run."""
    value = PAYLOAD.sub("", value)
    for word in machine_words(root):
        if word in value:
            yield f"a path of this machine ({word}). Print names, not paths"
            break
    if match := ADDRESS.search(value):
        shown = value[max(match.start() - 40, 0) : match.end()].strip()
        yield f"a memory address ({shown}). Print something else, or end with ;"


def compares_nothing(cell):
    """Whether nbval, asked to compare this cell's outputs, would find none."""
    # Beside a picture, the plain text only says "<Figure size ...>".
    still = [{"image/png", "text/plain"}, {"image/png"}]
    return all(set(output.get("data", ["text"])) in still for output in cell.outputs)


def cell_problems(cell, root):
    """Yield what is wrong with the outputs of one code cell."""
    if CHECKED in tags(cell) and compares_nothing(cell):
        yield f"the tag {CHECKED}, but no output to compare"
    for output in cell.outputs:
        if output.output_type == "error" and "raises-exception" not in tags(cell):
            yield f"an error: {output.ename}: {output.evalue}"
        if output.get("name") == "stderr":
            yield f"text on standard error, a warning perhaps: {output.text.strip()}"
        for kind, value in contents(output):
            if kind.startswith("image/"):
                yield from image_problems(kind, value)
            else:
                yield from text_problems(value, root)


def label(number, cell):
    first = cell.source.strip().partition("\n")[0]
    return f"code cell {number} ({first})"


def problems(notebook, root):
    """Return what a reader must not get, one line each; [] if all is well."""
    found = []
    for number, cell in enumerate(code_cells(notebook, setup=True), start=1):
        name = label(number, cell)
        if not cell.source.strip():
            found.append(f"code cell {number} is empty; remove it")
        elif cell.execution_count != number:
            found.append(f"{name} was not executed in its place, one run from the top")
        found += [f"{name} has {what}" for what in cell_problems(cell, root)]
    size = len(nbformat.writes(notebook).encode())
    if size > NOTEBOOK_BYTES:
        found.append(f"{size:,} bytes; at most {NOTEBOOK_BYTES:,} are allowed")
    return found
