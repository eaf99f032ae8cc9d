"""The command line, as its users type it."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

import wgan_lessons
from wgan_lessons import _runs, checkpoints, fast, networks, recipes, studies, training
from wgan_lessons.__main__ import _parser, main

ROOT = Path(wgan_lessons.__file__).parents[1]
SMALL = ("--width", "8", "--batch-size", "16")


def run(*arguments):
    """Run the command line in this process; return its exit code."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        return stopped.code


def refused(capsys, *arguments):
    """Run a command that must fail with exit code 2; return its one line of error."""
    assert run(*arguments) == 2
    out, error = capsys.readouterr()
    lines = [line for line in error.splitlines() if line and "round/s" not in line]
    assert out == "" and len(lines) == 1 and "Traceback" not in error
    return lines[0]


def history(folder):
    """Return the text of a run's history."""
    return (folder / "history.csv").read_text()


def rows_of(folder):
    """Return a run's history as dicts of text."""
    return list(csv.DictReader(history(folder).splitlines()))


def weights(folder):
    """Return all of the generator's weights in a checkpoint as one vector."""
    saved = torch.load(folder / "checkpoint.pt", weights_only=True)["generator"]
    return torch.cat([value.flatten() for value in saved.values()])


def averaged(folder):
    """Return all of the averaged generator's weights as one vector."""
    saved = torch.load(folder / "average.pt", weights_only=True)
    return torch.cat([v.flatten() for k, v in saved.items() if k.startswith("module")])


# Help.


@pytest.mark.parametrize(
    "command, words",
    [
        ((), ["train", "study", "assign", "check", "grade", "COMMAND --help"]),
        (("train",), ["RECIPE", "--data NAME", "--resume", "Ctrl-C", "examples:"]),
        (("train",), [*recipes.NAMES, *_runs.DATA]),
        (("study",), ["--seeds", "--jobs", "--resume", "examples:", "all"]),
        (("study",), [*studies.STUDIES, *(s.about for s in studies.STUDIES.values())]),
    ],
)
def test_help_says_what_there_is(capsys, command, words):
    """Help names every command, option, recipe, data set and study, in 88 columns."""
    assert run(*command, "--help") == 0
    text = capsys.readouterr().out
    assert [word for word in words if word not in text] == []
    assert max(map(len, text.splitlines())) <= 88


def test_examples_of_the_help_parse():
    """Each example is a command that is understood."""
    from wgan_lessons import __main__ as module

    parser = module._parser()
    text = (module.TRAIN_EXAMPLES + module.STUDY_EXAMPLES).replace("\\\n", "")
    examples = [line.split() for line in text.splitlines() if "wgan-lessons" in line]
    assert len(examples) >= 6
    for name, *arguments in examples:
        assert name == "wgan-lessons" and parser.parse_args(arguments).run


def test_no_command_prints_the_help(capsys):
    """Someone who types only the name learns what to type."""
    assert run() == 2
    assert "COMMAND" in capsys.readouterr().out


def test_version(capsys):
    """--version prints the package's version."""
    assert run("--version") == 0
    assert capsys.readouterr().out == f"wgan-lessons {wgan_lessons.__version__}\n"


# Training.


def test_train_leaves_its_files(tmp_path, capsys):
    """A picture, a history every ten rounds, a checkpoint that `load` reads."""
    out = tmp_path / "runs" / "a"
    arguments = ("train", "gan", "--data", "ring", "--steps", 25, "--seed", 3, *SMALL)
    assert run(*arguments, "--lr", 1e-3, "--falling", "--out", out) == 0
    text = capsys.readouterr()
    assert f"{out}: round 25 of 25" in text.out
    assert "25/25" in text.err and "value=" in text.err and "penalty=" in text.err
    names = ["checkpoint.pt", "history.csv", "samples.png", "settings.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    rows = rows_of(out)
    assert list(rows[0]) == ["round", "value", "penalty", "generator_loss"]
    assert [int(row["round"]) for row in rows] == [10, 20, 25]
    assert (out / "samples.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((out / "settings.json").read_text())["seed"] == 3
    G, D = networks.mlp_generator(2, 2, width=8), networks.mlp_critic(2, width=8)
    recipe = _runs._recipe(json.loads((out / "settings.json").read_text()))
    state = checkpoints.load(out / "checkpoint.pt", G, D, recipe)
    assert state.round == state.steps == 25


def test_history_is_that_of_the_plain_loop(tmp_path):
    """The command adds nothing to the training: the numbers are those of `record`."""
    assert run("train", "wgan-gp", "--steps", 20, *SMALL, "--out", tmp_path / "a") == 0
    rows = rows_of(tmp_path / "a")
    G = networks.mlp_generator(2, 2, width=8, seed=0)
    D = networks.mlp_critic(2, width=8, seed=1000)
    state = training.start(G, D, recipes.WGAN_GP, steps=20, batch_size=16, seed=0)
    expected = training.record(training.train(state, _runs.DATA["ring"]()), every=10)
    for name, values in expected.items():
        found = [float(row[name]) for row in rows]
        assert found == pytest.approx(values.tolist(), rel=1e-6)


@pytest.mark.parametrize(
    "recipe, data",
    [("wgan", "grid"), ("wgan-gp", "swiss_roll"), ("gan-minimax", "digits")],
)
def test_every_kind_of_data(tmp_path, recipe, data):
    """Points and digits find networks and a picture that fit them."""
    arguments = ("train", recipe, "--data", data, "--steps", 1, *SMALL)
    assert run(*arguments, "--out", tmp_path) == 0
    assert (tmp_path / "samples.png").stat().st_size > 1000


def test_larger_images_take_convolutions():
    """28x28 and 32x32 images, grey and coloured, find a convolutional pair."""
    for shape in ((1, 28, 28), (3, 32, 32)):
        G, D = _runs._networks(torch.zeros(2, *shape), {"seed": 0, "width": 4})
        samples = training.sample(G, 3)
        assert samples.shape == (3, *shape) and D(samples).shape == (3,)


def test_lr_and_falling_are_the_only_changes_to_the_paper():
    """--lr and --falling change both learning rates and the rate, nothing else."""
    plain = _runs._recipe(_runs.USUAL | {"recipe": "wgan"})
    assert plain == recipes.WGAN
    other = _runs._recipe(
        _runs.USUAL | {"recipe": "wgan-gp", "lr": 1e-3, "falling": True}
    )
    changed = {row.field for row in recipes.differences(recipes.WGAN_GP, other)}
    assert changed == {"critic_optimizer", "generator_optimizer", "rate"}
    assert other.generator_optimizer.keywords == {"lr": 1e-3, "betas": (0.0, 0.9)}


def test_average_is_kept_and_shown(tmp_path):
    """--average 0.9: the average of the weights after each round, beside the last."""
    out = tmp_path / "a"
    arguments = ("train", "wgan-gp", "--steps", 30, *SMALL, "--average", 0.9)
    assert run(*arguments, "--out", out) == 0
    saved = torch.load(out / "average.pt", weights_only=True)
    G = networks.mlp_generator(2, 2, width=8, seed=0)
    D = networks.mlp_critic(2, width=8, seed=1000)
    state = training.start(G, D, recipes.WGAN_GP, steps=30, batch_size=16, seed=0)
    expected = None
    for _ in training.train(state, _runs.DATA["ring"]()):
        w = G[0].weight.detach()
        expected = w.clone() if expected is None else 0.9 * expected + 0.1 * w
    torch.testing.assert_close(saved["module.0.weight"], expected)
    assert saved["round"] == 30
    other = tmp_path / "b"
    assert run(*arguments[:-2], "--out", other) == 0
    assert history(out) == history(other)
    pictures = [(folder / "samples.png").read_bytes() for folder in (out, other)]
    assert pictures[0] != pictures[1]


def test_fast_matmul_is_entered_only_if_asked_for(tmp_path, monkeypatch):
    """--fast-matmul trains inside `fast.fast_matmul()`."""
    entered = []

    @contextlib.contextmanager
    def matmul():
        entered.append("in")
        yield
        entered.append("out")

    monkeypatch.setattr(fast, "fast_matmul", matmul)
    arguments = ("train", "gan", "--steps", 2, *SMALL, "--out")
    assert run(*arguments, tmp_path / "a") == 0 and entered == []
    assert run(*arguments, tmp_path / "b", "--fast-matmul") == 0
    assert entered == ["in", "out"]


# Stopping and going on.


def interrupt(folder, *arguments):
    """Run a command in another process and send it SIGINT once it trains."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wgan_lessons", *map(str, arguments), "--out", folder],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(300, process.kill)
    guard.start()
    seen = ""
    while "round/s" not in seen and process.poll() is None:
        seen += process.stderr.read(1)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate()
    guard.cancel()
    return process.returncode, out, seen + error


def test_interrupted_run_goes_on_as_if_unbroken(tmp_path):
    """SIGINT leaves a checkpoint; with --resume history and weights equal the unbroken
    run's, averages and falling rate included."""
    arguments = ("train", "wgan-gp", "--steps", 300, *SMALL)
    arguments += ("--average", 0.99, "--falling", "--lr", 1e-3)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    code, out, error = interrupt(broken, *arguments)
    assert code == 130 and "Traceback" not in error
    assert f"wgan-lessons train --resume --out {broken}" in error.splitlines()[-1]
    done = torch.load(broken / "checkpoint.pt", weights_only=True)["round"]
    assert 0 < done < 300 and f"round {done} of 300" in out
    assert (broken / "samples.png").exists()
    assert run("train", "--resume", "--out", broken) == 0
    assert run(*arguments, "--out", whole) == 0
    assert history(broken) == history(whole)
    assert torch.equal(weights(broken), weights(whole))
    assert torch.equal(averaged(broken), averaged(whole))
    pictures = [(folder / "samples.png").read_bytes() for folder in (whole, broken)]
    assert pictures[0] == pictures[1]


def stop_after(monkeypatch, rounds):
    """Make the next run stop after some rounds, as Ctrl-C does."""
    from wgan_lessons import __main__ as module

    @contextlib.contextmanager
    def noted():
        calls = []
        yield lambda: calls.append(1) or len(calls) >= rounds

    monkeypatch.setattr(module, "_noted_interrupt", noted)


@pytest.mark.parametrize("rounds", [1, 10, 13, 19])
def test_resumed_history_is_whole(tmp_path, monkeypatch, rounds):
    """Wherever the run stopped, each tenth round and the last stand there once."""
    arguments = ("train", "gan", "--steps", 25, *SMALL, "--out")
    assert run(*arguments, tmp_path / "whole") == 0
    with monkeypatch.context() as patch:
        stop_after(patch, rounds)
        assert run(*arguments, tmp_path / "a") == 130
    assert run(*arguments, tmp_path / "a", "--resume") == 0
    assert history(tmp_path / "a") == history(tmp_path / "whole")


def test_killed_run_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    """Rows of rounds after the checkpoint, from a run that was killed, do not stay."""
    arguments = ("train", "gan", "--steps", 25, *SMALL, "--out")
    assert run(*arguments, tmp_path / "whole") == 0
    with monkeypatch.context() as patch:
        stop_after(patch, 13)
        assert run(*arguments, tmp_path / "a") == 130
    with (tmp_path / "a" / "history.csv").open("a") as file:
        file.write("20,1,2,3\n25,1,2,3\n")
    assert run("train", "--resume", "--out", tmp_path / "a") == 0
    assert history(tmp_path / "a") == history(tmp_path / "whole")


def test_more_steps_go_on(tmp_path):
    """A run that is done goes on with a larger --steps: same rounds as in one go."""
    assert run("train", "gan", "--steps", 15, *SMALL, "--out", tmp_path / "a") == 0
    assert run("train", "--steps", 30, "--resume", "--out", tmp_path / "a") == 0
    assert run("train", "gan", "--steps", 30, *SMALL, "--out", tmp_path / "b") == 0
    assert history(tmp_path / "a") == history(tmp_path / "b")


def test_checkpoints_are_kept_on_the_way(tmp_path, monkeypatch):
    """A run that dies without a word has lost at most the last seconds."""
    monkeypatch.setattr(_runs, "SECONDS", 0)
    saved = []
    monkeypatch.setattr(_runs.checkpoints, "save", lambda s, p: saved.append(s.round))
    assert run("train", "gan", "--steps", 4, *SMALL, "--out", tmp_path) == 0
    assert saved == [0, 1, 2, 3, 4, 4]


def test_handler_of_ctrl_c_is_put_back(tmp_path):
    """After a run Ctrl-C means again what it did before."""
    before = signal.getsignal(signal.SIGINT)
    assert run("train", "gan", "--steps", 1, *SMALL, "--out", tmp_path) == 0
    assert signal.getsignal(signal.SIGINT) is before


# Errors: one line, exit code 2.


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("train", "gans"), ["unknown recipe 'gans'", *recipes.NAMES]),
        (("train", "gan", "--data", "rings"), ["unknown data 'rings'", *_runs.DATA]),
        (("train",), ["RECIPE is missing", *recipes.NAMES]),
        (("train", "gan", "--steps", "0"), ["steps must be", "at least 1", "got 0"]),
        (("train", "gan", "--steps", "many"), ["--steps", "'many'", "--help"]),
        (("train", "gan", "--width", "0"), ["width must be", "got 0"]),
        (("train", "gan", "--batch-size", "0"), ["batch_size must be"]),
        (("train", "gan", "--seed", "-1"), ["seed must be", "at least 0"]),
        (("train", "gan", "--average", "1"), ["average must be", "below 1"]),
        (("train", "gan", "--lr", "-1"), ["lr must be", "above 0"]),
        (("train", "gan", "--lr", "nan"), ["lr must be", "nan"]),
        (("train", "gan", "--data", "digits", "--batch-size", "5000"), ["5000"]),
        (("train", "--resume"), ["holds no run", "Leave out --resume"]),
        (("study", "rings"), ["unknown study 'rings'", "all", *studies.STUDIES]),
        (("study", "ring", "--jobs", "0"), ["jobs must be"]),
        (("study", "ring", "--rounds", "0"), ["rounds must be"]),
        (("study", "ring", "--seeds", "-3"), ["seed must be", "-3"]),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, capsys, arguments, words):
    """Every mistake: what is wrong, what came, what to do; and no file is left."""
    folder = tmp_path / "new"
    line = refused(capsys, *arguments, "--out", folder)
    assert line.startswith("wgan-lessons")
    assert [word for word in words if word not in line] == []
    assert not folder.exists()


def test_unknown_command_and_missing_folder(capsys):
    """Wrong commands list the right ones; DIR is asked for."""
    assert "'train'" in refused(capsys, "trane")
    assert "--out" in refused(capsys, "train", "gan")


def test_a_run_is_not_overwritten(tmp_path, capsys):
    """A folder's run is left alone unless --resume; then only the steps may change."""
    arguments = ("train", "gan", "--steps", 3, *SMALL, "--out", tmp_path)
    assert run(*arguments) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    capsys.readouterr()
    assert "already holds a run" in refused(capsys, *arguments)
    line = refused(capsys, *arguments, "--resume", "--seed", 1)
    assert "seed=0; got 1" in line
    assert "is done: round 3 of 3" in refused(capsys, *arguments, "--resume")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_that_blows_up_is_one_line(tmp_path, capsys):
    """NaN names its round and what to try; the last good checkpoint stays."""
    arguments = ("train", "wgan-gp", "--steps", 40, *SMALL, "--lr", 1e30)
    line = refused(capsys, *arguments, "--out", tmp_path)
    assert "NaN or infinite in round" in line and "smaller learning rate" in line
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["round"] == 0


def test_damaged_files_are_one_line(tmp_path, capsys):
    """Half a checkpoint, or averages of another round, are refused."""
    arguments = ("train", "gan", "--steps", 3, *SMALL, "--average", 0.9)
    assert run(*arguments, "--out", tmp_path) == 0
    capsys.readouterr()
    again = ("train", "--steps", 5, "--resume", "--out", tmp_path)
    average = torch.load(tmp_path / "average.pt", weights_only=True)
    torch.save({**average, "round": 2}, tmp_path / "average.pt")
    assert "of different rounds" in refused(capsys, *again)
    content = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(content[: len(content) // 2])
    assert "no whole checkpoint" in refused(capsys, *again)


# Studies.


def test_study_writes_its_table(tmp_path, capsys):
    """The path on stdout, a line a run on stderr."""
    arguments = ("study", "overfitting", "--seeds", 0, 1, "--rounds", 1)
    assert run(*arguments, "--out", tmp_path) == 0
    out, error = capsys.readouterr()
    assert out == f"{tmp_path / 'overfitting.csv'}\n"
    assert len(error.splitlines()) == 2 and "(2 of 2)" in error
    assert len((tmp_path / "overfitting.csv").read_text().splitlines()) == 3


def test_all_studies_run_one_after_another(tmp_path, monkeypatch):
    """`study all` runs every study with the same options."""
    calls = []
    monkeypatch.setattr(studies, "run_study", lambda *a, **k: calls.append((a, k)))
    assert run("study", "all", "--jobs", 2, "--resume", "--out", tmp_path) == 0
    assert [arguments[0] for arguments, _ in calls] == list(studies.STUDIES)
    options = {k: calls[0][1][k] for k in ("seeds", "jobs", "rounds", "resume")}
    assert options == {"seeds": None, "jobs": 2, "rounds": None, "resume": True}


def test_interrupted_study_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    """Ctrl-C in a study: exit code 130, and that --resume keeps what is done."""

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(studies, "run_study", stop)
    assert run("study", "ring", "--out", tmp_path) == 130
    assert "--resume" in capsys.readouterr().err


def test_make_studies_says_what_the_command_line_takes():
    """The Makefile's `wgan-lessons study ...` is a call that the parser accepts."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (call,) = re.findall(r"wgan-lessons (study .*)", makefile)
    call = call.replace("$(JOBS)", "2").split()
    assert _parser().parse_args(call).name == "all"
