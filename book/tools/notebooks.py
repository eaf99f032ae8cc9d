"""Write the executed .ipynb beside every MyST notebook of the book, or check them.

    python book/tools/notebooks.py            execute what changed, write, report
    python book/tools/notebooks.py --all      execute everything again
    python book/tools/notebooks.py 11_wgan    only the named notebooks
    python book/tools/notebooks.py --check    is every .ipynb what its source says?
    python book/tools/notebooks.py --lint     ruff on the code cells of the sources
    python book/tools/notebooks.py --format   ruff format on them, in place

A notebook is executed when its code, the part of the package that it uses, or the data
that it reads has changed. An exercise set makes two notebooks, the student's beside it
and the solution in book/solutions. A file is written whole or not at all: a cell that
fails, an image that is too large, or a path of this machine leaves the old one.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import exercise_pages
import notebook_hashes as hashes
import notebook_lint as lint
import notebook_outputs as outputs
import notebook_pairs as pairs
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from notebook_kernels import connection
from notebook_pairs import ROOT
from traitlets.config import Config

CELL_SECONDS = 120


class Refused(Exception):
    """A notebook that must not be written; the message says why."""


def kernel_environment(root):
    """One thread, and the package of this checkout, whose hash is stored."""
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def execute(notebook, folder, root):
    """Run a notebook from the top in a fresh kernel, in the folder where it lies."""
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name=pairs.KERNEL["name"],
        record_timing=False,
        config=Config(KernelManager=connection()),
        extra_arguments=["--log-level=40", "--HistoryManager.enabled=False"],
        resources={"metadata": {"path": str(folder)}},
    )
    language = notebook.metadata.language_info
    try:
        client.execute(env=kernel_environment(root))
    except (CellControlSignal, DeadKernelError) as error:
        raise Refused(str(error)) from error
    notebook.metadata.language_info = language


def carry_outputs(old, new):
    """Copy the outputs of a stored notebook with the same code; say if that worked."""
    if old is None:
        return False
    before, after = (pairs.code_cells(n, setup=True) for n in (old, new))
    # The set-up cell may differ: here it does nothing, so its outputs stay.
    if [cell.source for cell in before[1:]] != [cell.source for cell in after[1:]]:
        return False
    for source, target in zip(before, after, strict=True):
        target.outputs, target.execution_count = source.outputs, source.execution_count
    return True


def current(old, new, root):
    """Whether the stored outputs are still those of the source; `new` gets them."""
    made_from = old is not None and old.metadata.get("wgan_lessons")
    same = made_from == new.metadata.wgan_lessons
    return same and carry_outputs(old, new) and not outputs.problems(new, root)


def assemble(source, root):
    """Return the notebook of a source with its hashes, not executed."""
    notebook = pairs.build(source, root)
    notebook.metadata["wgan_lessons"] = hashes.fingerprint(notebook, root)
    return pairs.nbformat.from_dict(notebook)


def make(source, root=ROOT, *, always=False):
    """Bring a source's .ipynb up to date: "executed", "rewritten" or "unchanged"."""
    if pairs.is_set(source):
        return exercise_pages.make(source, root, always=always)
    target = source.with_suffix(".ipynb")
    new, old = assemble(source, root), pairs.read(target)
    executed = always or not current(old, new, root)
    if executed:
        new = assemble(source, root)
        execute(new, source.parent, root)
    outputs.normalise(new)
    if found := outputs.problems(new, root):
        raise Refused("\n".join(found))
    content = pairs.text(new)
    changed = not target.exists() or target.read_text("utf-8") != content
    if changed:
        pairs.write(target, content)
    return "executed" if executed else "rewritten" if changed else "unchanged"


def check(source, root=ROOT):
    """Return what is wrong with the .ipynb of a source, one line each."""
    if pairs.is_set(source):
        return exercise_pages.check(source, root)
    target = source.with_suffix(".ipynb")
    try:
        stored, new = pairs.read(target), assemble(source, root)
    except ValueError as error:
        return [str(error)]
    if stored is None:
        return [f"{target.name} is missing or cannot be read"]
    found = list(pairs.differing_cells(stored, new))
    made_from = stored.metadata.get("wgan_lessons", {})
    for what, value in new.metadata.wgan_lessons.items():
        if made_from.get(what) != value:
            found.append(f"stale: the {what} has changed since it was executed")
    found += outputs.problems(stored, root)
    if not found and carry_outputs(stored, new):
        outputs.normalise(new)
        if pairs.text(new) != target.read_text("utf-8"):
            found.append("not as the pipeline writes it; saved by hand perhaps")
    return found


def check_all(chosen, root):
    """Print every problem of the chosen notebooks; return their number."""
    found = {source: check(source, root) for source in chosen}
    lost = {path: ["its .md source is missing"] for path in pairs.orphans(root)}
    for path, lines in {**found, **lost}.items():
        for line in lines:
            print(f"{path.relative_to(root)}: {line}")
    bad = sum(map(bool, [*found.values(), *lost.values()]))
    advice = "; run `make notebooks`" if bad else ""
    print(f"{len(chosen)} notebook(s) checked, {bad} with problems{advice}")
    return bad


def timed(source, root, always):
    """Make one notebook; return (what happened, seconds, error or None)."""
    start = time.perf_counter()
    try:
        done, error = make(source, root, always=always), None
    except (Refused, ValueError) as problem:
        done, error = "refused", str(problem)
    return done, time.perf_counter() - start, error


def make_all(chosen, root, *, always, jobs):
    """Make the chosen notebooks, `jobs` at once; return how many were refused."""
    bad = 0
    with ProcessPoolExecutor(jobs) as pool:
        # The later chapters take longest: they start first.
        runs = {pool.submit(timed, s, root, always): s for s in reversed(chosen)}
        for run in as_completed(runs):
            done, seconds, error = run.result()
            name = runs[run].relative_to(root).with_suffix("")
            print(f"{name!s:40} {done:10} {seconds:6.1f} s", flush=True)
            if error:
                bad += 1
                print(f"{error}\n{name}.ipynb was left as it was.\n", flush=True)
    return bad


def choose(names, root):
    """Return the sources of the names (all without any); `11` is enough for 11_wgan."""
    known = pairs.sources(root)
    for name in names:
        if not any(source.stem.startswith(Path(name).stem) for source in known):
            listed = ", ".join(source.stem for source in known) or "none"
            sys.exit(f"no notebook is called {name!r}. There are: {listed}.")
    wanted = tuple(Path(name).stem for name in names) or ""
    return [source for source in known if source.stem.startswith(wanted)]


def arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="notebooks, all unless named")
    parser.add_argument("--all", action="store_true", help="execute unchanged ones too")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks at once (2)")
    action = parser.add_mutually_exclusive_group()
    for name in ("check", "lint", "format"):
        action.add_argument(f"--{name}", action="store_true")
    return parser.parse_args(argv)


def main(argv=None, root=ROOT):
    args = arguments(argv)
    chosen = choose(args.names, root)
    if args.check:
        return bool(check_all(chosen, root))
    if args.lint or args.format:
        return bool(lint.run(chosen, root, rewrite=args.format))
    return bool(make_all(chosen, root, always=args.all, jobs=args.jobs))


if __name__ == "__main__":
    sys.exit(main())
