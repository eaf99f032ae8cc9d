"""One submission from its bytes to its result: read, graft, judge, count.

A submission is judged with all of its own answers. Each exercise that fails is judged
again with the model's answers to all others, so that no exercise drags another down;
the better of the two counts. Points are given only if all checks of an exercise pass.

A student's code can show whatever stands in its kernel: hidden checks, and then the
model's answers. So what reports quote of failed checks comes from one more run, with
neither of them in the kernel.
"""

import contextlib
import threading
import time
from dataclasses import dataclass
from functools import cached_property

from wgan_lessons.grading import _answers, _exchanged, _texts, formats, judging
from wgan_lessons.grading._answers import answers, bare
from wgan_lessons.grading._contents import Unreadable, notebook
from wgan_lessons.grading.graft import given, graft, only, places
from wgan_lessons.grading.limits import Limits
from wgan_lessons.grading.results import Mark, Outcome, Result

ELSEWHERE = (
    "it passes only with code of another answer: put all that this answer needs into "
    "its own cell"
)


@dataclass(frozen=True)
class Plan:
    """All that grading a submission needs; `reference` is the executed key.

    `concealed` are paths that no kernel may see.
    """

    key: formats.Key
    reference: dict
    seed: int
    limits: Limits
    kernel: str | None = None
    concealed: tuple = ()

    @cached_property
    def exercises(self):
        """The exercises of the key."""
        return formats.exercises(self.key)

    @cached_property
    def stubs(self):
        """{exercise: what students get in the answer's place}."""
        return given(self.key)

    @cached_property
    def shown(self):
        """{cell id: text} of what the reference shows."""
        code = (c for c in self.reference.cells if c.cell_type == "code")
        return {cell.id: _texts.text_and_error(cell.outputs)[0] for cell in code}

    @cached_property
    def places(self):
        """{cell id: Place} of all checks."""
        return places(self.key)

    def checks(self, name):
        """Return {cell id: Place} of an exercise's checks."""
        return {i: p for i, p in self.places.items() if p.exercise == name}

    def taken(self, exercise):
        """Return the names that the set-up above an answer makes, not the answer."""
        above = self.key.cells[: self.key.cells.index(exercise.answer)]
        setup = tuple(cell.source for cell in above if cell.kind == "shared")
        return _exchanged.names_of(setup) - _exchanged.names_of(
            (exercise.answer.source,)
        )

    def run(self, given, *, hidden=True):
        """Judge these answers; return the judge's Verdict."""
        made = graft(self.key, self.reference, given, self.seed, hidden=hidden)
        return TRIALS.judge(made, self.limits, self.kernel, self.concealed)


class Stopped(Exception):
    """The grader was told to stop."""


class Trials:
    """The trials of this process, which can be stopped all together."""

    def __init__(self):
        self.running, self.busy, self.stopping = set(), 0, False
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def submission(self):
        """Count a submission, so that `stop` waits between two of its trials, too."""
        with self.lock:
            if self.stopping:
                raise Stopped
            self.busy += 1
        try:
            yield
        finally:
            with self.lock:
                self.busy -= 1

    def judge(self, made, limits, kernel, concealed):
        """Like `judging.judge`, but raises Stopped once `stop` was called."""
        judging.references(made)
        trial = judging.Trial(made, limits, kernel, concealed)
        with self.lock:
            if self.stopping:
                raise Stopped
            self.running.add(trial)
        try:
            verdict = trial.verdict()
        finally:
            with self.lock:
                self.running.discard(trial)
        if self.stopping:
            raise Stopped
        return verdict

    def stop(self, seconds=20):
        """End all trials and wait until their processes and folders are gone."""
        until = time.monotonic() + seconds
        with self.lock:
            self.stopping = True
        while (self.running or self.busy) and time.monotonic() < until:
            for trial in list(self.running):
                trial.stopped = ("crashed", "the grader was stopped")
            time.sleep(0.05)

    @contextlib.contextmanager
    def ended(self):
        """Stop what runs when the block is left by an exception."""
        try:
            yield
        except BaseException:
            self.stop()
            raise
        finally:
            self.stopping = False


TRIALS = Trials()


def mark(data, plan):
    """Return the Result of a submission's bytes; whatever they hold, it is one."""
    try:
        found = data if isinstance(data, Unreadable) else notebook(data)
        if isinstance(found, Unreadable):
            return Result("unreadable", found.reason)
        with TRIALS.submission():
            return Marking(found, plan).result()
    except Stopped:
        raise
    except Exception as error:
        said = _texts.short(f"{type(error).__name__}: {error}")
        return Result("crashed", f"the grader itself failed: {said}", final=False)


class Marking:
    """The runs of one submission, and what is concluded from them."""

    def __init__(self, found, plan):
        self.plan = plan
        self.names = [e.name for e in plan.exercises]
        self.given = answers(found, self.names, plan.stubs)
        self.full = plan.run(self.given)
        self.alone = {
            name: plan.run(only(plan.key, self.given, name))
            for name in self.names
            if not self.all_passed(self.full, name) and self.worked_on(name)
        }
        self.counted = {name: self.better(name) for name in self.names}
        self.open = self.open_run()

    def worked_on(self, name):
        """Whether there is an answer, other than what students were given."""
        return bare(self.given[name].source) not in ("", bare(self.plan.stubs[name]))

    def passed(self, verdict, name):
        """Return [whether each check of an exercise passed]."""
        return [verdict.checks[i].passed is True for i in self.plan.checks(name)]

    def all_passed(self, verdict, name):
        """Whether all checks of an exercise passed."""
        return all(self.passed(verdict, name))

    def better(self, name):
        """Return the verdict that counts for an exercise."""
        alone = self.alone.get(name, self.full)
        more = sum(self.passed(self.full, name)) > sum(self.passed(alone, name))
        return self.full if more else alone

    def stopped(self, name):
        """Return why an answer was cut off, "" if it was not."""
        verdict = self.alone.get(name)
        return "" if verdict is None or verdict.status == "ran" else verdict.note

    def open_run(self):
        """Return a verdict that holds no secrets, None if none is needed.

        Answers that stop everything are left out of it.
        """
        visible = [c.id for e in self.plan.exercises for c in e.checks]
        counted = {i: self.counted[p.exercise] for i, p in self.plan.places.items()}
        if all(counted[i].checks[i].passed for i in visible):
            return None
        calm = {n: a for n, a in self.given.items() if not self.stopped(n)}
        secrets = any(e.hidden for e in self.plan.exercises)
        if calm == self.given and not secrets:
            return self.full
        return self.plan.run(calm, hidden=False)

    def result(self):
        """Return the Result."""
        marks = {e.name: self.mark(e) for e in self.plan.exercises}
        runs = [self.full, *self.alone.values()]
        status = next((v.status for v in runs if v.status != "ran"), "graded")
        if not any(answer.source for answer in self.given.values()):
            said = [
                "no answer was found: no cell begins with '# answer:' and one of "
                + ", ".join(self.names)
            ]
        else:
            said = [f"{n}: {t}" for n, m in marks.items() for t in m.notes]
            said += [f"{n}: {self.stopped(n)}" for n in marks if self.stopped(n)]
        if status != "graded" and not any(map(self.stopped, marks)):
            said.append(self.full.note)
        return Result(status, "; ".join(filter(None, said)), marks)

    def mark(self, exercise):
        """Return the Mark of one exercise."""
        name = exercise.name
        verdict = self.counted[name]
        outcomes = tuple(
            Outcome(verdict.checks[i].passed, hidden=True)
            if place.hidden
            else self.outcome(i, name)
            for i, place in self.plan.checks(name).items()
        )
        won = self.all_passed(verdict, name)
        error = self.open.errors.get(exercise.answer.id, "") if self.open else ""
        answer = self.given[name]
        points = exercise.points if won else 0
        changed = _exchanged.note(answer.source, self.plan.taken(exercise))
        printing = "" if won or not _answers.prints(answer.source) else _answers.PRINTS
        notes = (*answer.notes, *filter(None, [changed, printing]))
        return Mark(points, answer.source, outcomes, notes, error)

    def outcome(self, check, name):
        """Return the Outcome of a visible check, without a word of the key."""
        judged = self.counted[name].checks[check]
        if judged.passed:
            # Beside what is compared a kernel can show more, so that is looked at.
            # It can also write hidden checks into digits that nobody compares, or
            # into spaces: so the key's text is quoted, which says the same.
            agree = formats.need("wgan_lessons.grading.nbval_numbers").agree
            right = self.plan.shown[check]
            return Outcome(True, text=right if agree(right, judged.text) else "")
        if self.stopped(name):
            return Outcome(judged.passed, error=self.stopped(name))
        seen = self.open.checks[check]
        error = ELSEWHERE if seen.passed else seen.error
        return Outcome(judged.passed, text=seen.text, error=error)
