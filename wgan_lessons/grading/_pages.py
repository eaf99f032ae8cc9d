"""What the grader's web pages have in common: one file each, light and dark, no script.

All that comes from a submission passes through `text`.
"""

import re
from html import escape

from wgan_lessons.grading import _texts

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1f; --page: #fff; --soft: #f3f3f6;
  --line: #8a8a94; --good: #0a6b2d; --bad: #a3180f; --link: #0b57a4; --bar: #3b6fb0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8ec; --page: #17171a;
  --soft: #242429; --line: #8a8a94; --good: #6fd08c; --bad: #ff9a8f;
  --link: #8ab8f5; --bar: #7fa8dc; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; color: var(--ink);
  background: var(--page); font: 1rem/1.5 system-ui, sans-serif; }
h1, h2 { line-height: 1.2; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; }
a { color: var(--link); overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin-top: 1rem; }
table { border-collapse: collapse; }
caption { text-align: left; padding: .3rem 0; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.long { min-width: 12rem; overflow-wrap: anywhere; }
pre { margin: .3rem 0; padding: .6rem; overflow-x: auto; background: var(--soft);
  font: .9rem/1.4 ui-monospace, monospace; }
.passed { color: var(--good); } .failed { color: var(--bad); }
.passed, .failed { font-weight: 600; }
.bar { display: inline-block; height: 1rem; background: var(--bar);
  vertical-align: middle; }
.scale { width: 30vw; max-width: 24rem; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
@media (max-width: 30rem) { th, td { padding: .3rem .4rem; }
  .long { min-width: 9rem; } }
pre[aria-label^="output"] { white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { body { max-width: none; } pre { white-space: pre-wrap; } }
"""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{heading}</h1>
{body}
</main>
</body>
</html>
"""


def text(value):
    """Return any text as html that shows it and does nothing."""
    return escape(_texts.clean(str(value)), quote=True)


def label(value):
    """Return a file's name as html that breaks at its separators, not inside words."""
    return re.sub("(?<=[_/])(?=[^_/])", "<wbr>", text(value))


def page(title, parts):
    """Return a page as bytes; `parts` are html, the title is not."""
    body = "\n".join(filter(None, parts))
    names = {"title": text(title), "heading": label(title)}
    return PAGE.format(**names, style=STYLE, body=body).encode()


def code(value, label):
    """Return a block of code or output that can be reached by the keyboard."""
    return (
        f'<pre tabindex="0" role="region" aria-label="{text(label)}">'
        f"<code>{text(value)}</code></pre>"
    )


def table(caption, columns, rows):
    """Return a table; columns are (name, class), a row's first cell is its header."""
    head = "".join(f'<th scope="col" class="{c}">{text(n)}</th>' for n, c in columns)
    lines = []
    for first, *rest in rows:
        cells = [f'<th scope="row" class="{columns[0][1]}">{first}</th>']
        cells += [f'<td class="{c}">{v}</td>' for v, (_, c) in zip(rest, columns[1:])]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{text(caption)}">'
        f"<table><caption>{text(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
