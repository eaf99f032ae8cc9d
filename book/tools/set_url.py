"""Write the repository's URL of `_config.yml` into the files that cannot read it.

`make url` calls this. The notebooks' set-up cells take the URL from `_config.yml`
when `make notebooks` writes them.
"""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
# pyproject.toml comes last: it remembers the URL that the others still carry.
FILES = ("*.md", "CITATION.cff", "book/**/*.md", "pyproject.toml")


def slug(url):
    """Return "owner/name" of the URL of a repository on GitHub."""
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+?)(\.git)?/?", url)
    if match is None:
        raise ValueError(
            "the repository's URL must read https://github.com/OWNER/NAME; "
            f"got {url!r}. Set repository: url: in _config.yml."
        )
    return match[1]


def places(repository):
    """Return the forms in which a file may name "owner/name" or its pages."""
    owner, name = repository.split("/")
    return (
        f"https://github.com/{repository}",
        f"https://colab.research.google.com/github/{repository}",
        f"https://{owner}.github.io/{name}",
    )


def configured(root=ROOT):
    """Return "owner/name" as `_config.yml` says it."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return slug(config["repository"]["url"])


def written(root=ROOT):
    """Return "owner/name" as `pyproject.toml` says it."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return slug(re.search(r'^Repository = "(.*)"$', text, re.MULTILINE)[1])


def files(root=ROOT):
    """Return the files that may name the repository."""
    return [path for pattern in FILES for path in sorted(root.glob(pattern))]


def update(root=ROOT):
    """Replace the written URL by the configured one; return the changed files."""
    old, new = places(written(root)), places(configured(root))
    changed = []
    for path in files(root):
        text = before = path.read_text(encoding="utf-8")
        for was, is_now in zip(old, new, strict=True):
            text = text.replace(was, is_now)
        if text != before:
            path.write_text(text, encoding="utf-8")
            changed.append(path.relative_to(root).as_posix())
    return changed


if __name__ == "__main__":
    try:
        changed = update()
    except ValueError as error:
        sys.exit(str(error))
    print("changed:", ", ".join(changed) or "nothing, all say " + configured())
    if changed:
        print("Now run make notebooks: their set-up cells carry the URL too.")
