"""The benchmarks do what they say: equal losses, and full points for right answers."""

import importlib.util
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import classes
import pytest
import torch

PATH = Path(__file__).parent.parent / "benchmarks" / "loops.py"


@pytest.fixture(scope="module")
def loops():
    """The script as a module; benchmarks/ is no part of the package."""
    specification = importlib.util.spec_from_file_location("benchmark_loops", PATH)
    module = importlib.util.module_from_spec(specification)
    sys.modules["benchmark_loops"] = module
    specification.loader.exec_module(module)
    yield module
    del sys.modules["benchmark_loops"]


def tiny(loops, recipe, kind):
    """A case of the benchmark, made small."""
    if kind == "points":
        return loops.Case(
            "tiny", recipe, partial(loops.mlp_pair, 8), loops.points, 8, 1
        )
    pair = partial(loops.dcgan_pair, 2)
    return loops.Case("tiny", recipe, pair, loops.noise_images, 4, 1)


@pytest.mark.parametrize("kind", ["points", "images"])
@pytest.mark.parametrize("recipe", ["wgan", "wgan-gp"])
def test_all_loops_have_equal_losses(loops, recipe, kind):
    """Strong, naive and ours: equal value, penalty and generator's loss each round."""
    loops.assert_equal_losses(tiny(loops, recipe, kind), rounds=4)


@pytest.mark.parametrize("recipe", ["wgan", "wgan-gp"])
def test_a_loop_that_does_less_is_caught(loops, monkeypatch, recipe):
    """A loop that skips the projection or the penalty does not pass as equal."""

    def lazy(run):
        changes = {"project": None, "penalty": None}
        yield from loops.strong_loop(
            run._replace(recipe=replace(run.recipe, **changes))
        )

    monkeypatch.setattr(loops, "naive_loop", lazy)
    with pytest.raises(AssertionError, match="not close"):
        loops.assert_equal_losses(tiny(loops, recipe, "points"), rounds=4)


def test_the_table(loops, monkeypatch, capsys):
    """Every case gets a row: the strong loop's time, and a ratio for every other."""
    monkeypatch.setattr(loops, "CASES", [tiny(loops, "wgan-gp", "points")])
    loops.main(["--quick"])
    head, line, row = capsys.readouterr().out.strip().splitlines()[-3:]
    assert head.count("|") == line.count("|") == row.count("|")
    assert row.startswith("| wgan-gp, tiny |")


def test_the_cases_are_the_ones_that_are_promised(loops):
    """512 x 3 at batch 256, width 64 at batch 64, DCGAN 28x28 at batch 64."""
    found = [(case.recipe, case.batch_size) for case in loops.CASES]
    assert found == [(r, m) for m in (256, 64) for r in ("wgan-gp", "wgan")] + [
        ("wgan-gp", 64)
    ]
    for case in loops.CASES:
        G, D = case.pair()
        assert D(case.data()[:2]).shape == (2,)
        with torch.no_grad():
            assert G(torch.zeros(2, G.latent)).shape == case.data()[:2].shape


def test_a_class_is_graded_and_timed(tmp_path):
    """Every copy gets full points, or the benchmark fails; it tells what it adds."""
    command = [sys.executable, "-m", "benchmarks.grading", "--copies", "2"]
    done = subprocess.run(
        [*command, "--set", classes.key_file(tmp_path)],
        cwd=PATH.parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("small: 2 submissions, 2 at a time, isolation: ")
    assert re.match(r"graded: \d+\.\d submissions a minute", lines[2])
    assert re.match(r"overhead: -?\d+\.\d\d s a submission", lines[-1])
