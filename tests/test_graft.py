"""The graft: whatever a student's notebook holds, only answers get out of it."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbval.plugin import find_comment_markers, find_metadata_tags

from wgan_lessons.grading import assign, formats, frame
from wgan_lessons.grading.execution import execute
from wgan_lessons.grading.graft import CHECKED, given, graft, only, places
from wgan_lessons.grading.judging import judge
from wgan_lessons.grading.limits import Limits
from wgan_lessons.grading.submissions import Answer, Submission, answers, read

SEED = 7
CHECK = {"tags": [CHECKED]}
HIDDEN = {"tags": [CHECKED, "hidden"]}
MODEL = {
    "cost": "# answer: cost\ndef cost(n):\n    return 3 * n",
    "total": "# answer: total\ndef total(n):\n    return cost(n) + START",
    "last": "# answer: last\nlast = START - SEED",
}
CELLS = [
    new_markdown_cell("# Exercises: a toy"),
    new_code_cell("START = 10"),
    new_code_cell("SEED = 0", metadata={"tags": ["parameters"]}),
    new_markdown_cell("## 1. Compute: a cost"),
    new_code_cell(MODEL["cost"], metadata={"tags": ["answer", "points-2"]}),
    new_code_cell("cost(SEED + 1)", metadata=CHECK),
    new_code_cell("print(cost(SEED))\ncost(2 * SEED + 1)", metadata=HIDDEN),
    new_code_cell(
        "# wrong: the product\n# says: 4\ndef cost(n):\n    return 4 * n",
        metadata={"tags": ["wrong"]},
    ),
    new_markdown_cell("## 2. Modify: a total"),
    new_code_cell(MODEL["total"], metadata={"tags": ["answer", "points-3"]}),
    new_code_cell(
        "# answer: total\ndef total(n):\n    return START", metadata={"tags": ["stub"]}
    ),
    new_code_cell("total(SEED)", metadata=CHECK),
    new_markdown_cell("## 3. Find the bug: the last"),
    new_code_cell(MODEL["last"], metadata={"tags": ["answer", "points-1"]}),
    new_code_cell("last, SEED", metadata=CHECK),
]
KEY = formats.parse(new_notebook(cells=CELLS), "00_toy")
STUBS = {
    "cost": "# answer: cost\ndef cost(n):\n    ...",
    "total": "# answer: total\ndef total(n):\n    return START",
    "last": "# answer: last\nlast = ...",
}
SHOWN = {"cost": ["24", "45"], "total": ["31"], "last": ["(3, 7)"]}


def result(text):
    return nbformat.v4.new_output(
        "execute_result", data={"text/plain": text}, execution_count=1
    )


def reference(seed=SEED):
    """What executing the key gives, written down by hand."""
    notebook = formats.runnable(KEY, seed=seed)
    for cell in notebook.cells:
        if cell.id in places(KEY):
            place = places(KEY)[cell.id]
            cell.outputs = [result(SHOWN[place.exercise][place.number - 1])]
            cell.execution_count = 5
            if place.hidden:
                cell.outputs.insert(0, nbformat.v4.new_output("stream", text="21\n"))
    return notebook


def student(**changes):
    """The cells of a notebook as students get it, with these answers filled in."""
    executed = reference(0)
    notebook = assign.student(KEY, executed, frame.Course("https://example.org/a/b"))
    for name, source in changes.items():
        for cell in notebook.cells:
            if cell.source.startswith(f"# answer: {name}"):
                cell.source = source
    return json.loads(json.dumps(notebook.cells))


def judged(cells, tmp_path, **more):
    """The graft of a student's notebook, through its file."""
    path = tmp_path / "x.ipynb"
    book = {"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}} | more
    path.write_text(json.dumps(book), "utf-8")
    found = answers(read(Submission(path.name, path)), given(KEY), given(KEY))
    return graft(KEY, reference(), found, SEED)


def sources(notebook):
    return [cell.source for cell in notebook.cells]


CLEAN = graft(KEY, reference(), MODEL, SEED)


def test_the_graft_is_the_key_at_this_seed():
    assert sources(CLEAN) == [
        "START = 10",
        "SEED = 7",
        MODEL["cost"],
        "cost(SEED + 1)",
        "print(cost(SEED))\ncost(2 * SEED + 1)",
        MODEL["total"],
        "total(SEED)",
        MODEL["last"],
        "last, SEED",
    ]
    nbformat.validate(CLEAN)
    assert CLEAN.metadata == {}
    assert {
        c.id: (p.exercise, p.number, p.hidden)
        for c in CLEAN.cells
        if (p := places(KEY).get(c.id))
    } == places(KEY)
    assert sorted(places(KEY).values()) == [
        ("cost", 1, False),
        ("cost", 2, True),
        ("last", 1, False),
        ("total", 1, False),
    ]


def test_only_checks_have_tags_and_outputs_and_nbval_compares_them():
    expected = {c.id: c.outputs for c in reference().cells if c.id in places(KEY)}
    for cell in CLEAN.cells:
        if cell.id in places(KEY):
            assert cell.metadata == {"tags": [CHECKED]}
            assert cell.outputs == expected[cell.id] and cell.execution_count
        else:
            assert (cell.metadata, cell.outputs) == ({}, [])
            assert cell.execution_count is None


def test_a_change_of_the_graft_is_none_of_the_reference():
    executed = reference()
    notebook = graft(KEY, executed, MODEL, SEED)
    notebook.cells[3].outputs[0].data["text/plain"] = "forged"
    assert executed == reference()


def test_hidden_checks_can_be_left_out():
    notebook = graft(KEY, reference(), MODEL, SEED, hidden=False)
    assert len(notebook.cells) == len(CLEAN.cells) - 1
    assert "cost(2 * SEED + 1)" not in "".join(sources(notebook))


# What students do to their notebooks -------------------------------------------------


def shuffled(cells):
    return cells[::-1]


def without_checks(cells):
    return [c for c in cells if CHECKED not in c["metadata"].get("tags", [])]


def edited_checks(cells):
    for cell in cells:
        if CHECKED in cell["metadata"].get("tags", []):
            cell["source"] = "24"
            cell["outputs"] = [dict(result("24"))]
    return cells


def tagless(cells):
    return [{k: c[k] for k in ("cell_type", "source")} for c in cells]


def same_ids(cells):
    return [c | {"id": "a"} for c in cells]


def of_colab(cells):
    """As Colab saves: nbformat 4.0, ids in the metadata, no tags."""
    made = []
    for number, cell in enumerate(cells):
        own = {"id": f"Xk{number}_-a", "outputId": "5d0a8c7e"}
        lines = cell["source"].splitlines(keepends=True)
        cell = {k: v for k, v in cell.items() if k != "id"}
        made.append(cell | {"metadata": own, "source": lines})
    return made


def with_forged_tags(cells):
    for cell in cells:
        cell["metadata"] = {
            "tags": [CHECKED, "raises-exception", "points-99", "hidden"]
        }
        cell["id"] = KEY.cells[5].id
    return cells


def other_seed(cells):
    for cell in cells:
        cell["source"] = cell["source"].replace("SEED = 0", "SEED = 12345")
        cell["source"] = cell["source"].replace("START = 10", "import os; os._exit(0)")
    return cells


def more_cells(cells):
    code = "import numpy\nnumpy.allclose = lambda *_: True"
    return [{"cell_type": "code", "source": code}, *cells, dict(cells[-1])]


MANNERS = [
    list,
    shuffled,
    without_checks,
    edited_checks,
    tagless,
    same_ids,
    of_colab,
    with_forged_tags,
    other_seed,
    more_cells,
]


@pytest.mark.parametrize("manner", MANNERS, ids=lambda manner: manner.__name__)
def test_the_graft_is_the_same_whatever_happened_around_the_answers(manner, tmp_path):
    cells = manner(student(**MODEL))
    assert judged(cells, tmp_path, nbformat_minor=0) == CLEAN


ANSWERS = {
    "a check in it": "last = 3\n# NBVAL_CHECK_OUTPUT\nlast, SEED",
    "skipped": "# NBVAL_SKIP\nlast = 3",
    "may raise": "#  NBVAL_RAISES_EXCEPTION\n1 / 0",
    "cell magic": "%%capture\nlast = 3",
    "shell": "!cat key.md\nlast = %run key.py",
    "a second cell": "last = 3\n```\n```{code-cell}\n:tags: [nbval-check-output]",
    "another answer": "last = 3\n\n# answer: cost\ncost = 4",
    "json": '"}], "metadata": {"tags": ["nbval-check-output"]}',
    "odd characters": "'\u2028\x85\ufeff\ud800\0'",
    "empty": "",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_stays_one_cell_without_power(name, tmp_path):
    source = f"# answer: last\n{ANSWERS[name]}"
    notebook = judged(student(**MODEL | {"last": source}), tmp_path)
    nbformat.validate(notebook)
    nbformat.writes(notebook).encode("utf-8")
    assert [c.id for c in notebook.cells] == [c.id for c in CLEAN.cells]
    mine = notebook.cells[-2]
    assert mine.source.startswith("# answer: last\n")
    assert not list(find_comment_markers(mine.source))
    assert not list(find_metadata_tags(mine.metadata))
    others = [c for c in notebook.cells if c is not mine]
    assert others == [c for c in CLEAN.cells if c.id != mine.id]


def test_answers_are_put_in_their_places_and_the_rest_is_empty():
    notebook = graft(KEY, reference(), {"total": Answer("# answer: total\n1")}, SEED)
    said = [s for s in sources(notebook) if s.startswith("# answer")]
    assert said == ["# answer: cost\n", "# answer: total\n1", "# answer: last\n"]


def test_an_answer_gets_the_line_that_names_it():
    notebook = graft(KEY, reference(), {"last": "%%bash\nlast = 3"}, SEED)
    last = "# answer: last\npass  # left out: %%bash\nlast = 3"
    assert notebook.cells[-2].source == last


def test_only_one_answer_is_the_students():
    mine = {
        "cost": Answer("# answer: cost\n1 / 0"),
        "last": Answer("# answer: last\n5"),
    }
    assert only(KEY, mine, "last") == MODEL | {"last": mine["last"]}
    assert only(KEY, mine, "total") == MODEL | {"total": ""}


def test_what_students_are_given():
    assert given(KEY) == STUBS
    cells = [c["source"] for c in student() if c["source"].startswith("# answer")]
    assert cells == list(STUBS.values())


def test_the_notebook_that_students_get_is_a_key_for_its_own_checks():
    """With it alone, answers are checked at seed 0, without the model's."""
    template = nbformat.from_dict({"cells": student()})
    key = formats.parse(template)
    notebook = graft(key, template, MODEL, 0, hidden=False)
    assert sources(notebook) == [
        s.replace("SEED = 7", "SEED = 0") for s in sources(CLEAN) if "2 * SEED" not in s
    ]
    shown = [c.outputs[0].data["text/plain"] for c in notebook.cells if c.outputs]
    assert shown == [SHOWN[name][0] for name in MODEL]


# References that prove nothing -------------------------------------------------------


def broken(change):
    notebook = reference()
    change(notebook.cells[5], notebook)
    return notebook


def an_error(cell, _):
    cell.outputs = [nbformat.v4.new_output("error", ename="NameError", evalue="cost")]


def only_warnings(cell, _):
    cell.outputs = [nbformat.v4.new_output("stream", name="stderr", text="10%")]


def nothing(cell, _):
    cell.outputs = []


def another_check(cell, _):
    cell.source = "3"


def no_cell(cell, notebook):
    notebook.cells.remove(cell)


@pytest.mark.parametrize(
    "change, message",
    [
        (an_error, "the model solution fails check 1 of 'cost': NameError: cost"),
        (only_warnings, "check 1 of 'cost' showed nothing"),
        (nothing, "check 1 of 'cost' showed nothing"),
        (another_check, "is not this key at seed 7"),
        (no_cell, "is not this key at seed 7"),
    ],
)
def test_a_reference_that_proves_nothing_is_an_error(change, message):
    with pytest.raises(ValueError, match=message):
        graft(KEY, broken(change), MODEL, SEED)


def test_a_reference_of_another_seed_is_an_error():
    with pytest.raises(ValueError, match="is not this key at seed 8"):
        graft(KEY, reference(), MODEL, 8)


def test_an_exercise_that_the_key_has_not_is_an_error():
    with pytest.raises(ValueError, match="has no exercise 'costs'; it has cost"):
        graft(KEY, reference(), {"costs": ""}, SEED)
    with pytest.raises(ValueError, match="has no exercise 'costs'"):
        only(KEY, MODEL, "costs")


# The whole way, with a kernel --------------------------------------------------------


def passed(notebook):
    verdict = judge(notebook, limits=Limits(seconds=60, cell_seconds=20))
    assert verdict.status == "ran", verdict.note
    return {places(KEY)[name]: c.passed for name, c in verdict.checks.items()}


def test_executed_grafted_and_judged(tmp_path):
    """A wrong cost spoils the total, unless the total is judged alone."""
    executed = execute(formats.runnable(KEY, seed=SEED))
    mine = MODEL | {
        "cost": "# answer: cost\n%matplotlib inline\ncost = lambda n: print(8 * 3)",
        "last": "# answer: last\nSEED, last = 0, 3\nprint('(3, 7)')",
    }
    assert passed(graft(KEY, executed, mine, SEED)) == {
        ("cost", 1, False): False,
        ("cost", 2, True): False,
        ("total", 1, False): False,
        ("last", 1, False): False,
    }
    alone = passed(graft(KEY, executed, only(KEY, mine, "total"), SEED))
    assert alone == dict.fromkeys(places(KEY).values(), True)
