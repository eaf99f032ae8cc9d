"""The files around the package say the same thing, each fact in its one place."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import wgan_lessons

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "tools"))

import set_url  # noqa: E402

COLAB_TORCH = Version("2.11.0")
CONDA_NAMES = {"pytorch": "torch"}
CONDA_ONLY = {"python", "pip", "jupyterlab"}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def pins(text):
    """Return {canonical name: Version} of the lines NAME==VERSION."""
    found = re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


PYPROJECT = tomllib.loads(read("pyproject.toml"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
PINS = pins(read("constraints.txt"))
OF_COLAB, NOT_OF_COLAB = map(pins, read("constraints-colab.txt").split("# The rest", 1))
DEPENDENCIES = [Requirement(text) for text in PROJECT["dependencies"]]
REQUIREMENTS = DEPENDENCIES + [Requirement(r) for e in EXTRAS.values() for r in e]
BUILD = [Requirement(text) for text in PYPROJECT["build-system"]["requires"]]


@pytest.mark.parametrize("requirement", REQUIREMENTS + BUILD, ids=str)
def test_every_requirement_is_pinned_inside_its_range(requirement):
    pin = PINS.get(canonicalize_name(requirement.name))
    assert pin is not None, f"add {requirement.name}==... to constraints.txt"
    assert pin in requirement.specifier


def closure(names):
    """Return the installed packages that the named ones need, themselves included.

    What torch needs depends on the build (CUDA's libraries), and torch pins it.
    """
    found, todo = set(), list(names)
    while todo:
        name, extra = todo.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for text in metadata.requires(name) or () if name != "torch" else ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                name_needed = canonicalize_name(needed.name)
                todo += [(name_needed, extra) for extra in ("", *needed.extras)]
    return {name for name, _ in found}


@pytest.mark.skipif(sys.platform != "linux", reason="the pins are those of Linux")
def test_what_make_test_installs_is_pinned():
    if Version(metadata.version("numpy")) != PINS["numpy"]:
        pytest.skip("this environment was not made from constraints.txt")
    names = [(canonicalize_name(r.name), "") for r in REQUIREMENTS]
    missing = closure(names) - PINS.keys()
    assert not missing, f"add these to constraints.txt: {sorted(missing)}"


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_lower_bounds_admit_colab(requirement):
    """Colab's packages satisfy every range, so that nothing there is replaced."""
    versions = OF_COLAB | {"torch": COLAB_TORCH}
    name = canonicalize_name(requirement.name)
    if name in versions:
        assert versions[name] in requirement.specifier
    assert PROJECT["requires-python"] == ">=3.11"


def test_the_rest_of_the_colab_environment_is_pinned_as_here():
    assert {name: PINS[name] for name in NOT_OF_COLAB} == NOT_OF_COLAB


def test_conda_environment_has_the_same_ranges():
    environment = yaml.safe_load(read("environment.yml"))
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    found = {}
    for requirement in map(Requirement, lines):
        name = CONDA_NAMES.get(requirement.name, canonicalize_name(requirement.name))
        found[name] = requirement.specifier
    assert str(found["python"]) == PROJECT["requires-python"]
    wanted = {canonicalize_name(r.name): r.specifier for r in DEPENDENCIES}
    assert {n: s for n, s in found.items() if n not in CONDA_ONLY} == wanted


URL = re.compile(
    r"https://(?:github\.com|colab\.research\.google\.com/github)/[\w.-]+/[\w.-]+"
    r"|https://[\w-]+\.github\.io/[\w.-]+"
)


def project_urls(root):
    """Return [(file, URL)] of the files around the book that name the repository."""
    names = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff")
    files = [root / name for name in (*names, "pyproject.toml", "book/index.md")]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    return [(path.name, url) for path in files for url in URL.findall(texts[path])]


def test_every_url_is_that_of_the_config():
    wanted = set_url.places(set_url.configured())
    found = project_urls(ROOT)
    assert {name for name, _ in found} >= {"README.md", "CITATION.cff"}
    wrong = [
        (name, url) for name, url in found if url.removesuffix(".git") not in wanted
    ]
    assert not wrong, "run make url"


def test_workflows_name_no_repository():
    for path in sorted((ROOT / ".github" / "workflows").iterdir()):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
        assert not URL.search(path.read_text(encoding="utf-8")), path.name


@pytest.fixture
def copy(tmp_path):
    """A copy of the files that `make url` reads and writes."""
    for path in [*set_url.files(ROOT), ROOT / "_config.yml"]:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def configure(root, url):
    config = root / "_config.yml"
    text = re.sub(r"(?m)^(  url: ).*$", rf"\1{url}", config.read_text(encoding="utf-8"))
    config.write_text(text, encoding="utf-8")


def test_make_url_writes_every_place(copy):
    configure(copy, "https://github.com/ada/gan-course")
    assert {"README.md", "CITATION.cff", "pyproject.toml"} <= set(set_url.update(copy))
    assert {url for _, url in project_urls(copy)} == {
        "https://github.com/ada/gan-course",
        "https://colab.research.google.com/github/ada/gan-course",
        "https://ada.github.io/gan-course",
    }
    assert set_url.update(copy) == []


@pytest.mark.parametrize("url", ["", "ada/gan-course", "https://example.org/a/b"])
def test_make_url_refuses_what_is_no_repository(copy, url):
    configure(copy, f'"{url}"')
    with pytest.raises(ValueError, match=r"must read https://github\.com/OWNER/NAME"):
        set_url.update(copy)


def test_help_lists_every_target():
    makefile = read("Makefile").replace("\\\n", " ")
    targets = re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)[1].split()
    done = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True
    )
    listed = [line.split()[1] for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert sorted(listed) == sorted(targets)
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_commands_of_the_texts_are_targets():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for name in ("README.md", "CONTRIBUTING.md", ".ci/run"):
        used = set(re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)", read(name), re.M))
        assert {a or b for a, b in used} <= targets, name


def test_ci_runs_the_test_command():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "\nmake test\n" in read(".ci/run")


def test_version_stands_in_the_citation_and_the_changelog():
    citation = yaml.safe_load(read("CITATION.cff"))
    config = yaml.safe_load(read("_config.yml"))
    assert citation["version"] == wgan_lessons.__version__
    assert citation["title"] == config["title"]
    assert f"\n## {wgan_lessons.__version__}" in read("CHANGELOG.md")


def test_readme_lists_the_chapters_of_the_book():
    toc = yaml.safe_load(read("book/_toc.yml"))
    pages = [page["file"] for part in toc["parts"] for page in part["chapters"]]
    chapters = [page for page in pages if page.startswith("chapters/")]
    table = re.findall(r"^\|.*\(book/(.*)\.ipynb\) \|$", read("README.md"), re.M)
    assert table == chapters


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_to_files_lead_somewhere(name):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", read(name))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_what_goes_into_the_wheel_exists():
    forced = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert all((ROOT / path).exists() for path in forced)
    assert not any("downloads" in path for path in forced)
    sets = sorted((ROOT / "book" / "exercises").glob("*.ipynb"))
    handed_out = {f"book/exercises/{path.name}" for path in sets}
    assert {path for path in forced if path.startswith("book/")} == handed_out


# With brackets, or this file would be its own find.
MACHINE = re.compile(r"/[w]ork/|/[r]oot/|\.\./[s]hared|[p]ypi\.org")


def test_no_file_mentions_a_machine():
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode or not done.stdout:
        pytest.skip("this is not a git checkout")
    found = []
    for path in [ROOT / name for name in done.stdout.splitlines()]:
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        found += [f"{path.relative_to(ROOT)}: {hit}" for hit in MACHINE.findall(text)]
    assert found == []
