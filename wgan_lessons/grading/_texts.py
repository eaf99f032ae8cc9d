"""What a kernel printed, made short and harmless."""

import re
import unicodedata

MOST = 2000
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
# These turn the direction of text and can make it look like another.
TURNING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def clean(text):
    """Return text without control characters, colours and halves of characters."""
    text = text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n")
    text = ANSI.sub("", text).translate(TURNING)
    keep = "\n\t"
    return "".join(c for c in text if c in keep or unicodedata.category(c) != "Cc")


def clip(text, most=MOST):
    """Return clean text of at most `most` characters, and say where it was cut."""
    cut = clean(text[: 4 * most])
    if len(cut) <= most and len(text) <= 4 * most:
        return cut
    return cut[:most].rstrip() + "\n... (cut)"


def short(text):
    """Return one line."""
    line = " ".join(clean(text[:2000]).split())
    return line if len(line) <= 300 else line[:300].rstrip() + "..."


def strings(output):
    """Yield the texts of one output, by whatever name the kernel gave them."""
    data = output.get("data")
    for key, value in data.items() if isinstance(data, dict) else ():
        if isinstance(value, str):
            yield key, value
    if isinstance(output.get("text"), str):
        yield output.get("name"), output["text"]


def text_and_error(outputs):
    """Return (text, error) of a cell's outputs; what went to stderr is left out."""
    parts, error = [], ""
    for output in outputs:
        if output.get("output_type") == "error":
            names = (str(output.get(key, ""))[:1000] for key in ("ename", "evalue"))
            error = error or short(": ".join(filter(None, names)))
        wanted = ("stdout", "text/plain")
        parts += [text[: 5 * MOST] for key, text in strings(output) if key in wanted]
        if sum(map(len, parts)) > 5 * MOST:
            break
    joined = "".join(p if p.endswith("\n") else p + "\n" for p in parts)
    return clip(joined.rstrip("\n")), error


def comparable(run, reference):
    """Whether an output is short enough to be worth a comparison with its reference."""
    sizes = [
        sum(len(text) for output in outputs for _, text in strings(output))
        for outputs in (run, reference)
    ]
    return sizes[0] <= 10_000 + 4 * sizes[1]
