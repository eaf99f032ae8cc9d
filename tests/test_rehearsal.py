"""`wgan-lessons assign --test`: what it finds in a set before students do."""

import pytest

from wgan_lessons.grading import assign
from wgan_lessons.grading.rehearsal import rehearse

SOUND = """\
# Exercises: small

```{code-cell} ipython3
:tags: [parameters]

SEED = 0
```

## 1. Compute: twice

```{code-cell} ipython3
:tags: [answer, points-2]

# answer: double
def double(n):
    return 2 * n
```

```{code-cell} ipython3
:tags: [nbval-check-output]

if double(3) == 5:
    print("Twice is not plus two.")
int(double(SEED + 10))
```

```{code-cell} ipython3
:tags: [wrong]

# wrong: plus two
# says: not plus two
def double(n):
    return n + 2
```
"""
SPOILT = {
    "a number for all": ("int(double(SEED + 10))", "int(double(7))", "no SEED changes"),
    "an answer that fails": ("2 * n", "2 * m", "check 1: the answer fails: NameError"),
    "a hint to everybody": ("if double(3) == 5", "if True", "to the right answer"),
    "a wrong answer that is right": ("n + 2", "n + n", "passes all checks"),
    "a hint that never comes": (
        "# says: not plus",
        "# says: never",
        "no visible check",
    ),
    "NumPy's numbers": ("int(double(SEED + 10))", "double(SEED + 10)", "NumPy's"),
}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "small.md"
    path.write_text(SOUND, "utf-8")
    return path


def test_a_sound_set_has_no_faults(source):
    said = []
    assert rehearse(source) == []
    assert assign.command([source], test=True, say=said.append) == 0
    assert said[-1] == "  all answers are judged as they should be"


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_wrong_is_found(source, name):
    old, new, says = SPOILT[name]
    assert SOUND.count(old) == 1
    source.write_text(SOUND.replace(old, new), "utf-8")
    said = []
    assert assign.command([source], test=True, say=said.append) == 1
    assert any(says in line for line in said[1:]), said
    assert not list(source.parent.glob("*/*"))  # nothing is written


def test_a_stub_that_passes_is_found(source):
    stub = "\n```{code-cell} ipython3\n:tags: [stub]\n\n# answer: double\n"
    stub += "def double(n):\n    return n + n\n```\n"
    first = SOUND.index("```\n\n```{code-cell} ipython3\n:tags: [nbval-check-output]")
    source.write_text(SOUND[: first + 4] + stub + SOUND[first + 4 :], "utf-8")
    assert rehearse(source) == [
        f"double, SEED {seed}: the stub passes a check" for seed in (0, 20260)
    ]


def test_a_set_that_cannot_be_read_is_said(source):
    source.write_text(SOUND.replace("points-2", "points"), "utf-8")
    with pytest.raises(ValueError, match="small.md: cell"):
        rehearse(source)
