"""What the book needs of Sphinx and no published extension gives.

1. The package is read from this checkout (its dependencies are mocked: _config.yml).
2. Docstrings are plain text; here they become reStructuredText.
3. A chapter has the number of its file: 11_wgan is chapter 11 from the start.
4. A proof may begin with its first numbered step.
5. Labels that screen readers stumble over are mended.
6. With SOLUTIONS=0 in the environment no solution to an exercise is published.
"""

import ast
import os
import re
import sys
from itertools import groupby
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.environment.collectors.toctree import TocTreeCollector
from sphinx.errors import ConfigError
from sphinx_proof.directive import ProofDirective

ROOT = Path(__file__).resolve().parents[2]
LONGEST_CONSTANT = 12  # lines of code; a longer one is listed by its name only

_CODE = re.compile(r"``([^`]+)``|`([^`]+)`|(https?://[^\s<>`]*[\w/])")
_DOCTEST = re.compile(r"\s*>>>( |$)")
_OWN_PARAGRAPH = ("- ", "Raises ", "Returns ", "Source: ", "Shapes: ")
_CHAPTER = re.compile(r"chapters/(\d\d)_")
_LIST = re.compile(r"\s*(\d+[.)]|[-*+])\s")
_LABELS = {
    # MyST-NB names every folded cell "Toggle hidden content", whatever it shows.
    '<summary aria-label="Toggle hidden content">': "<summary>",
    # A table's empty corner is a header of nothing.
    '<th class="head"></th>': "<td></td>",
    '<th class="head"><p></p></th>': "<td></td>",
    # Allowed in e-books only.
    'role="doc-biblioentry"': 'role="listitem"',
    # The same id in every theorem.
    ' id="proof-content"': "",
}


def escape(text):
    """Return a line of plain text as reST: `names` as code, the rest literally."""
    # A line of backslashes only would underline a title.
    line, end = r"\ " if text.startswith("\\") else "", 0
    for match in _CODE.finditer(text):
        code = (match[1] or match[2] or "").strip()
        if code or match[3]:
            # Markup needs a border on either side; "\ " is one of no width.
            line += _literally(text[end : match.start()]) + r"\ "
            line += f"``{code}``" if code else match[3]
            end = match.end()
            line += r"\ " if text[end:].strip() else ""
    return line + _literally(text[end:])


def _literally(text):
    return re.sub(r"([^\w\s]|_)", r"\\\1", text)


def plain_text_to_rst(lines):
    """Return the lines of a plain docstring as lines of reST that show the same.

    Paragraphs stay, "- " makes a list, an indented block (a formula) and a doctest
    keep their lines, `name` is code. Nothing else is markup: |x| is no substitution,
    x_ no reference, and a star is a star.
    """
    result = []
    for is_blank, group in groupby(lines, key=lambda line: not line.strip()):
        block = [] if is_blank else list(group)
        tests = [i for i, line in enumerate(block) if _DOCTEST.match(line)][:1]
        text = block[: tests[0]] if tests else block
        doctest = block[tests[0] :] if tests else []
        if text and text[0][0].isspace():
            result += ["::", ""] + ["    " + line for line in text] + [""]
        else:
            result += _prose(text)
        if doctest:
            margin = len(doctest[0]) - len(doctest[0].lstrip())
            result += [line[margin:] for line in doctest] + [""]
    return result


def _prose(lines):
    chunks = []
    for line in lines:
        in_item = chunks and chunks[-1][0].startswith("- ")
        if (
            not chunks
            or line.startswith(_OWN_PARAGRAPH)
            or (in_item and not line[0].isspace())
        ):
            chunks.append([line])
        else:
            chunks[-1].append(line.strip())
    for first, *rest in chunks:
        if first.startswith("- "):
            yield "- " + escape(first[2:].strip())
            yield from ("  " + escape(line) for line in rest)
        else:
            yield from (escape(line) for line in (first, *rest))
        yield ""


def constants(source, public=None):
    """Return the code of a module's constants, as it stands in its source.

    public: the module's `__all__`, or None: what does not begin with "_".
    """
    shown = []
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if any(n in public if public else n[0] != "_" for n in names):
            code = ast.get_source_segment(source, node)
            long = code.count("\n") >= LONGEST_CONSTANT
            shown.append(f"{' = '.join(names)} = ..." if long else code)
    return "\n\n".join(shown)


def _docstring(app, what, name, obj, options, lines):
    lines[:] = plain_text_to_rst(lines)
    if what != "module":
        return
    source = Path(obj.__file__).read_text("utf-8")
    if code := constants(source, getattr(obj, "__all__", None)):
        lines += ["", ".. code-block:: python", ""]
        lines += ["    " + line for line in code.splitlines()] + [""]


def defining_module(app, module, name):
    """Return the module that defines a name which `module` may only import.

    Read from the source: an object that a mocked decorator returned cannot tell.
    """
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(path.read_text("utf-8")).body:
        imported = node.names if isinstance(node, ast.ImportFrom) else ()
        if name.split(".")[0] in (a.asname or a.name for a in imported):
            return node.module
    return module


def _skip_member(app, what, name, obj, skip, options):
    # A NamedTuple's fields have the docstring "Alias for field number 0".
    return True if type(obj).__name__ == "_tuplegetter" else None


def number_chapters(env):
    """Replace Sphinx's running chapter numbers by those of the files' names."""
    for docname, numbers in env.toc_secnumbers.items():
        if chapter := _CHAPTER.match(docname):
            number = int(chapter[1])
            for anchor, running in numbers.items():
                numbers[anchor] = (number, *running[1:]) if running else running
            for tree in (env.tocs[docname], env.titles[docname]):
                for node in tree.findall(nodes.Element):
                    if node.get("secnumber"):
                        node["secnumber"] = [number, *node["secnumber"][1:]]


def _assign_figure_numbers(self, env, plain=TocTreeCollector.assign_figure_numbers):
    # Sphinx numbers figures right after sections, from the sections' numbers.
    number_chapters(env)
    return plain(self, env)


class Proof(ProofDirective):
    """A proof whose word "Proof." does not swallow a list that follows it."""

    def run(self):
        """Put an empty paragraph in front of the list, for the word to stand in."""
        if self.content and _LIST.match(self.content[0]):
            for _ in range(2):
                self.content.insert(0, "", *self.content.info(0))
        return super().run()


def without(entry, folder):
    """Return a part of _toc.yml without the pages of a folder, None if nothing stays.

    A list of pages that has become empty goes, and with it what only held that list.
    """
    if isinstance(entry, list):
        kept = [without(one, folder) for one in entry]
        return [one for one in kept if one is not None] or None
    if not isinstance(entry, dict):
        return entry
    if str(entry.get("file", "")).startswith(f"{folder}/"):
        return None
    kept = {name: without(value, folder) for name, value in entry.items()}
    kept = {name: value for name, value in kept.items() if value is not None}
    holds = {"chapters", "sections", "parts", "subtrees", "entries"}
    emptied = holds & (entry.keys() - kept.keys())
    return None if emptied and not {"file", "root"} & kept.keys() else kept


def publish_no_solutions(app, config):
    """Let Sphinx read contents without solutions, if SOLUTIONS=0 says so.

    What an earlier build wrote would stay, so then there must be no such build.
    """
    if os.environ.get("SOLUTIONS") != "0":
        return
    if (Path(app.outdir) / "solutions").exists():
        raise ConfigError(
            f"{app.outdir} holds solutions of an earlier build. Remove it: make clean."
        )
    contents = Path(app.srcdir) / config.external_toc_path
    contents = without(yaml.safe_load(contents.read_text("utf-8")), "solutions")
    path = Path(app.doctreedir) / "_toc.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(contents, sort_keys=False), "utf-8")
    config.external_toc_path = path.as_posix()


def _page(app, pagename, templatename, context, doctree):
    for old, new in _LABELS.items():
        if "body" in context:
            context["body"] = context["body"].replace(old, new)


def setup(app):
    sys.path.insert(0, str(ROOT))
    TocTreeCollector.assign_figure_numbers = _assign_figure_numbers
    app.add_directive_to_domain("prf", "proof", Proof, override=True)
    # Before sphinx_external_toc reads the contents (priority 900).
    app.connect("config-inited", publish_no_solutions, priority=100)
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-skip-member", _skip_member)
    app.connect("viewcode-follow-imported", defining_module)
    app.connect("html-page-context", _page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
