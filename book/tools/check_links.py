"""Check a built site without a network: python book/tools/check_links.py [_build/html]

- Every link, image, script, style sheet and font of the site points to a file of it.
- Every #anchor exists on the page it points to.
- No page loads anything from another host; links to follow are another matter.

Prints what is wrong, one line each, and exits with 1 if anything is.
"""

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

LOADED = {"src", "poster", "data", "background", "xlink:href"}
FOLLOWED = {("a", "href"), ("area", "href"), ("form", "action"), ("blockquote", "cite")}
# A link element of these kinds is told to the reader's browser, not loaded by it.
TOLD = {"alternate", "author", "canonical", "help", "license", "next", "prev", "search"}
CSS_URL = re.compile(r"""url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)["']""")


class Reference(NamedTuple):
    """An address on a page; `loaded` if a browser fetches it without being asked."""

    url: str
    loaded: bool


class Page(HTMLParser):
    """What a page refers to, and the anchors that others may refer to."""

    def __init__(self, html):
        super().__init__()
        self.references, self.anchors, self.style = [], set(), False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = {name: value or "" for name, value in attrs}
        self.style = tag == "style"
        self.anchors |= {attrs[k] for k in ("id", "name") if attrs.get(k)}
        self.references += [Reference(u, True) for u in css(attrs.get("style", ""))]
        for name, value in attrs.items():
            if (tag, name) in FOLLOWED:
                self.references.append(Reference(value, False))
            elif (tag, name) == ("link", "href"):
                told = TOLD.intersection(attrs.get("rel", "").lower().split())
                self.references.append(Reference(value, not told))
            elif name == "srcset":
                urls = [part.split()[0] for part in value.split(",") if part.strip()]
                self.references += [Reference(url, True) for url in urls]
            elif name in LOADED or (tag in ("use", "image") and name == "href"):
                self.references.append(Reference(value, True))

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag):
        self.style = False

    def handle_data(self, data):
        if self.style:
            self.references += [Reference(url, True) for url in css(data)]


def css(text):
    """Return the addresses that a piece of style sheet loads."""
    return [a or b for a, b in CSS_URL.findall(text)]


@cache
def page(path):
    """Return the parsed page at `path`."""
    return Page(path.read_text("utf-8"))


def problem(reference, path, root):
    """Return what is wrong with a reference of the file at `path`, or None."""
    url = urlsplit(reference.url)
    if url.scheme in ("data", "mailto", "javascript", "blob", "about"):
        return None
    if url.scheme or url.netloc:
        return "loads from another host" if reference.loaded else None
    if not reference.url:
        return "empty address" if reference.loaded else None
    target = (path.parent / unquote(url.path)).resolve() if url.path else path
    if url.path.startswith("/"):
        return "address from the server's root: breaks where the site is in a folder"
    if not target.is_relative_to(root):
        return "points outside the site"
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    anchor = unquote(url.fragment)
    if anchor and target.suffix == ".html" and anchor not in page(target).anchors:
        return f"no anchor #{anchor} on {target.relative_to(root)}"
    return None


def check(root):
    """Return (number of references, list of "file: address: problem") of a site."""
    root = Path(root).resolve()
    count, problems = 0, []
    for path in sorted([*root.rglob("*.html"), *root.rglob("*.css")]):
        if path.suffix == ".css":
            urls = css(path.read_text("utf-8"))
            references = {Reference(url, True) for url in urls}
        elif "{%" in path.read_text("utf-8")[:2000]:
            continue  # a template that the theme copies along
        else:
            references = set(page(path).references)
        count += len(references)
        for reference in sorted(references):
            if why := problem(reference, path, root):
                problems.append(f"{path.relative_to(root)}: {reference.url}: {why}")
    return count, problems


def main(arguments):
    """Check the site named on the command line; return the exit status."""
    root = Path(arguments[0] if arguments else "_build/html")
    if not (root / "index.html").is_file():
        print(f"no index.html in {root}: build the book first (make book)")
        return 1
    count, problems = check(root)
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{count} links and files checked, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
