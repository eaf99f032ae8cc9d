"""The command line: `wgan-lessons train`, `study`, `assign`, `check`, `grade`."""

import argparse
import contextlib
import os
import signal
import sys
from functools import partial
from pathlib import Path

from wgan_lessons import (
    __version__,
    _checks,
    _grading_commands,
    _runs,
    fast,
    recipes,
    studies,
)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message):
        """Print the message and leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


def main(arguments=None):
    """Run the command line; return the exit code: 0, 2 for errors, 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal may not know every letter
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    options = parser.parse_args(arguments)
    if "run" not in options:
        parser.print_help()
        return 2
    try:
        code = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read the output has left, such as head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError) as error:
        _say(f"wgan-lessons: {' '.join(str(error).split())}")
        return 2
    except KeyboardInterrupt:
        _say("wgan-lessons: stopped")
        return 130


def _say(line):
    print(line, file=sys.stderr, flush=True)


def _train(options):
    folder = Path(options.out)
    given = {k: v for k, v in vars(options).items() if k in _runs.USUAL}
    settings = _runs.settings_of(folder, given, resume=options.resume)
    run = _runs.Run(folder, settings, resume=options.resume)
    matmul = fast.fast_matmul() if options.fast_matmul else contextlib.nullcontext()
    with matmul, _noted_interrupt() as told_to_stop:
        done = run.play(told_to_stop)
    state = run.state
    print(f"{folder}: round {state.round} of {state.steps}")
    if not done:
        _say(f"stopped; go on with: wgan-lessons train --resume --out {folder}")
    return 0 if done else 130


@contextlib.contextmanager
def _noted_interrupt():
    """Yield a function that says whether Ctrl-C was pressed.

    A round broken off in the middle could not be resumed, so the signal only leaves a
    note, which is read after each round.
    """
    noted = []
    before = signal.signal(signal.SIGINT, lambda *_: noted.append(True))
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, before)


def _study(options):
    _checks.one_of("study", options.name, [*studies.STUDIES, "all"])
    names = studies.STUDIES if options.name == "all" else [options.name]
    wanted = {k: getattr(options, k) for k in ("seeds", "jobs", "rounds", "resume")}
    try:
        for name in names:
            print(studies.run_study(name, options.out, **wanted, report=_say))
    except KeyboardInterrupt:
        _say("stopped; the same command with --resume keeps the runs that are done")
        return 130
    return 0


def _parser():
    parser = Parser(
        "wgan-lessons",
        description="Train a GAN, make a stored table again, make or grade exercises.",
        epilog="`wgan-lessons COMMAND --help` says more.",
    )
    version = f"wgan-lessons {__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(metavar="COMMAND")
    _add_train(commands)
    _add_study(commands)
    _grading_commands.add(commands)
    return parser


TRAIN = """\
Train a recipe. DIR gets samples.png, history.csv, checkpoint.pt and settings.json.
Ctrl-C stops after the round; --resume goes on as if the run had never stopped."""

TRAIN_EXAMPLES = """
examples:
  wgan-lessons train wgan-gp --data ring --steps 2000 --lr 1e-3 --out runs/ring
  wgan-lessons train --resume --out runs/ring
  wgan-lessons train wgan-gp --data digits --steps 1500 --batch-size 128 \\
      --lr 1e-3 --falling --average 0.99 --out runs/digits"""


def _add_train(commands):
    parser = commands.add_parser(
        "train",
        help="train one recipe on one data set",
        description=TRAIN,
        epilog=f"recipes:  {', '.join(recipes.NAMES)}\n"
        f"data:     {', '.join(_runs.DATA)}\n{TRAIN_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # What is not given stays away, so that a resumed run keeps its own.
        argument_default=argparse.SUPPRESS,
    )
    add = partial(_grading_commands.option, parser)
    add("recipe", "RECIPE", "what to train: see below", nargs="?")
    add("--data", "NAME", "what to learn: see below (usual: ring)")
    add("--steps", "N", "generator steps (usual: 2000)", type=int)
    add("--out", "DIR", "the run's folder", required=True)
    add("--resume", None, "go on with the run in DIR", default=False)
    add("--batch-size", "N", "samples a batch (usual: 64)", type=int)
    add("--seed", "N", "seed of all that is random (usual: 0)", type=int)
    width = "width of the networks (usual: points 128, digits 256, larger images 32)"
    add("--width", "N", width, type=int)
    add("--lr", "RATE", "learning rate (usual: the recipe's paper's)", type=float)
    add("--falling", None, "let the learning rate fall to 2%% in the second half")
    average = "also average the generator's weights, such as 0.99; samples.png shows it"
    add("--average", "DECAY", average, type=float)
    matmul = "matrix products by oneDNN: faster on some CPUs for wide networks"
    add("--fast-matmul", None, matmul, default=False)
    parser.set_defaults(run=_train)


STUDY = """\
Run a study over its seeds and write FOLDER/NAME.csv. The old table stays until every
run is done; until then finished runs wait in NAME.csv.part."""

STUDY_EXAMPLES = """
examples:
  wgan-lessons study ring --jobs 2
  wgan-lessons study all --resume
  wgan-lessons study digits --seeds 0 --rounds 100 --out trial"""


def _add_study(commands):
    names = "\n".join(f"  {name:20} {s.about}" for name, s in studies.STUDIES.items())
    parser = commands.add_parser(
        "study",
        help="make a table of the course again",
        description=STUDY,
        epilog=f"studies:\n{names}\n{STUDY_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = partial(_grading_commands.option, parser)
    add("name", "NAME", "a study listed below, or all")
    place = "where the tables are (usual: data/results)"
    add("--out", "FOLDER", place, default="data/results")
    add("--seeds", "N", "in place of the study's own", type=int, nargs="+")
    add("--jobs", "N", "runs at a time (usual: 1)", type=int, default=1)
    add("--rounds", "N", "rounds of every run, for a trial", type=int)
    add("--resume", None, "keep finished runs whose settings are the same")
    parser.set_defaults(run=_study)


if __name__ == "__main__":
    sys.exit(main())
