"""An exercise set of the book: its two notebooks, as stored as those of chapters.

wgan_lessons.grading.assign makes them; here they get the hashes of what made them, so
that only what changed is executed again, and stale pages are found.
"""

import notebook_hashes as hashes
import notebook_outputs as outputs
import notebook_pairs as pairs

from wgan_lessons.grading import assign, formats, frame


class Set:
    """A source with its key, its hashes, its notebooks' places and their text."""

    def __init__(self, source, root):
        self.source, self.root = source, root
        self.key = formats.read_source(source)
        self.targets = pairs.targets(source)
        whole = formats.runnable(self.key)
        # The hashes leave the first cell out: that of every other notebook is set-up.
        whole.cells.insert(0, frame.setup_cell(""))
        self.made_from = hashes.fingerprint(whole, root)
        self.course = frame.course_of(root / "_config.yml", self.targets[0])

    def notebooks(self, executed):
        """Return the student's notebook and the solution, as they are stored."""
        made = [
            make(self.key, executed, self.course)
            for make in (assign.student, assign.solution)
        ]
        for notebook in made:
            notebook.metadata["wgan_lessons"] = dict(self.made_from)
            outputs.normalise(notebook)
        frame.sealed(made[0])
        return [pairs.nbformat.from_dict(notebook) for notebook in made]

    def problems(self, notebooks):
        """Return what no reader must get, one line each; [] if all is well."""
        student, solution = notebooks
        found = outputs.problems(solution, self.root)
        size = len(pairs.text(student).encode())
        if size > outputs.NOTEBOOK_BYTES:
            found.append(f"the student's notebook has {size:,} bytes: too many")
        return found

    def stored(self):
        """Return the stored notebooks; None for one that is missing or unreadable."""
        return [pairs.read(target) for target in self.targets]

    def carried(self, solution):
        """Return the key with the outputs of a stored solution, or None.

        None means that the code has changed, or that no solution can be read.
        """
        executed = formats.runnable(self.key, hidden=False)
        after = pairs.code_cells(executed, setup=True)
        before = pairs.code_cells(solution) if solution else []
        if [cell.source for cell in before] != [cell.source for cell in after]:
            return None
        for source, target in zip(before, after, strict=True):
            target.outputs = source.outputs
        return executed

    def current(self):
        """Return the notebooks made of the stored outputs; None if these are stale."""
        stored = self.stored()
        stamps = [n.metadata.get("wgan_lessons", {}) if n else {} for n in stored]
        hashed = [
            {name: stamp.get(name) for name in self.made_from} for stamp in stamps
        ]
        executed = self.carried(stored[1])
        if hashed != [self.made_from] * 2 or executed is None:
            return None
        notebooks = self.notebooks(executed)
        return None if self.problems(notebooks) else notebooks


def make(source, root, *, always=False):
    """Bring both notebooks up to date; return "executed", "rewritten", "unchanged"."""
    one = Set(source, root)
    notebooks = None if always else one.current()
    executed = notebooks is None
    if executed:
        notebooks = one.notebooks(assign.execute(formats.runnable(one.key)))
    if found := one.problems(notebooks):
        raise ValueError("\n".join(found))
    changed = False
    for target, notebook in zip(one.targets, notebooks, strict=True):
        content = pairs.text(notebook)
        if not target.exists() or target.read_text("utf-8") != content:
            changed = True
            target.parent.mkdir(exist_ok=True)
            pairs.write(target, content)
    return "executed" if executed else "rewritten" if changed else "unchanged"


def check(source, root):
    """Return what is wrong with the notebooks of a source, one line each."""
    try:
        one = Set(source, root)
    except ValueError as error:
        return [str(error)]
    stored = one.stored()
    names = [target.relative_to(root / "book").as_posix() for target in one.targets]
    for name, notebook in zip(names, stored, strict=True):
        if notebook is None:
            return [f"{name} is missing or cannot be read"]
    found = []
    for name, notebook in zip(names, stored, strict=True):
        made_from = notebook.metadata.get("wgan_lessons", {})
        for what, value in one.made_from.items():
            if made_from.get(what) != value:
                found.append(
                    f"{name} is stale: the {what} has changed since it was run"
                )
    executed = one.carried(stored[1])
    if executed is None:
        return [*found, f"{names[1]}: its code is not that of the source"]
    found += one.problems(stored)
    for name, is_, should, target in zip(
        names, stored, one.notebooks(executed), one.targets, strict=True
    ):
        found += [f"{name}: {line}" for line in pairs.differing_cells(is_, should)]
        if not found and pairs.text(should) != target.read_text("utf-8"):
            found = [f"{name}: not as the pipeline writes it; saved by hand perhaps"]
    return found
