"""A training run in a folder: what `wgan-lessons train` starts and goes on with.

The folder holds settings.json, history.csv, samples.png, checkpoint.pt and, where
asked for, average.pt: each file is whole or as it was before.
"""

import csv
import io
import json
import time
from contextlib import closing
from dataclasses import replace
from functools import partial

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from wgan_lessons import (
    _checks,
    checkpoints,
    distributions,
    images,
    networks,
    recipes,
)
from wgan_lessons.files import replace_file
from wgan_lessons.studies.tables import write_table
from wgan_lessons.training import device, progress, sample, start, train

COLUMNS = ("round", "value", "penalty", "generator_loss")
EVERY = 10  # rounds between two rows of a history
SECONDS = 30  # between two checkpoints
DATA = {**distributions.NAMES, **images.NAMES}
USUAL = {
    "recipe": None,
    "data": "ring",
    "steps": 2000,
    "batch_size": 64,
    "seed": 0,
    "width": None,
    "lr": None,
    "falling": False,
    "average": None,
}


def settings_of(folder, given, *, resume):
    """Return what makes a run: `given` and the usual, or what it was started with.

    Raises ValueError for unknown names, for a folder that holds a run unless `resume`,
    and with it for one that holds none, or was started with something else.
    """
    if resume:
        settings = _started(folder, given)
    elif (folder / "checkpoint.pt").exists():
        raise ValueError(
            f"{folder} already holds a run. Add --resume to go on with it, or choose "
            "another --out."
        )
    else:
        settings = USUAL | given
    if settings["recipe"] is None:
        raise ValueError(
            f"RECIPE is missing. Choose one of: {', '.join(recipes.NAMES)}."
        )
    _checks.one_of("recipe", settings["recipe"], recipes.NAMES)
    _checks.one_of("data", settings["data"], DATA)
    if settings["average"] is not None:
        _checks.number("average", settings["average"], above=0.0, below=1.0)
    if settings["lr"] is not None:
        _checks.number("lr", settings["lr"], above=0.0)
    return settings


def _started(folder, given):
    try:
        text = (folder / "settings.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(
            f"{folder} holds no run to go on with. Leave out --resume."
        ) from None
    settings = json.loads(text)
    for name, value in given.items():
        if name != "steps" and value != settings[name]:
            raise ValueError(
                f"{folder} was started with {name}={settings[name]}; got {value}. "
                "With --resume only --steps may change."
            )
    return settings | given


class Run:
    """A run and its folder; `play` trains it, from the checkpoint if `resume`."""

    def __init__(self, folder, settings, *, resume):
        self.folder, self.settings = folder, settings
        data = DATA[settings["data"]]()
        self.data = (
            data.images.to(device()) if isinstance(data, images.Images) else data
        )
        G, D = _networks(self.data, settings)
        self.rows, self.average = [], None
        if settings["average"] is not None:
            decay = get_ema_multi_avg_fn(settings["average"])
            self.average = AveragedModel(G, multi_avg_fn=decay)
        if resume:
            path = folder / "checkpoint.pt"
            self.state = checkpoints.load(path, G, D, _recipe(settings))
            self.state.steps = settings["steps"]
            self._read()
        else:
            sizes = {name: settings[name] for name in ("steps", "batch_size", "seed")}
            self.state = start(G, D, _recipe(settings), **sizes)
        _checks.training_data(self.data, D, self.state.batch_size)

    def play(self, told_to_stop):
        """Train to the end or until `told_to_stop()`; return whether it is done."""
        state, average = self.state, self.average
        if state.round >= state.steps:
            raise ValueError(
                f"{self.folder} is done: round {state.round} of {state.steps}. "
                "Give a larger --steps to go on."
            )
        self.keep()
        kept = time.monotonic()
        with closing(progress(train(state, self.data))) as steps:
            for step in steps:
                if average is not None:
                    average.update_parameters(state.generator)
                if step.round % EVERY == 0 or step.round == step.steps:
                    _checks.finite_run(step.first_bad)
                    self.rows.append({k: _text(getattr(step, k)) for k in COLUMNS})
                if told_to_stop():
                    break
                if time.monotonic() - kept > SECONDS:
                    self.keep()
                    kept = time.monotonic()
        self.keep()
        self._write("samples.png", self._picture().getvalue())
        return state.round == state.steps

    def keep(self):
        """Write the run so far; the checkpoint last, since resuming starts from it."""
        self._write("settings.json", json.dumps(self.settings, indent=2).encode())
        write_table(self.folder / "history.csv", COLUMNS, self.rows)
        if self.average is not None:
            content, file = {**self.average.state_dict()}, io.BytesIO()
            torch.save({"round": self.state.round, **content}, file)
            self._write("average.pt", file.getvalue())
        checkpoints.save(self.state, self.folder / "checkpoint.pt")

    def _write(self, name, content):
        replace_file(self.folder / name, lambda file: file.write(content))

    def _read(self):
        n = self.state.round
        with (self.folder / "history.csv").open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if int(row["round"]) <= n]
        # The last round of a shorter run would not be there had it been longer.
        self.rows = [row for row in rows if int(row["round"]) % EVERY == 0]
        if self.average is not None:
            content = torch.load(self.folder / "average.pt", weights_only=True)
            if content.pop("round") != n:
                raise ValueError(
                    f"{self.folder} was cut off while it was written: average.pt and "
                    "checkpoint.pt are of different rounds. Start anew."
                )
            self.average.load_state_dict(content)

    def _picture(self):
        # Imported here: matplotlib takes a second to load, and --help needs none.
        from matplotlib import pyplot as plt

        from wgan_lessons import figures

        G = self.state.generator if self.average is None else self.average.module
        if isinstance(self.data, torch.Tensor):
            figure = figures.image_grid(sample(G, 64)).figure
        else:
            figure = figures.cloud(sample(G, 2000), self.data.sample(2000)).figure
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
        plt.close(figure)
        return picture


def _text(number):
    return f"{float(number):.8g}"


def _networks(data, settings):
    """Return networks that fit: MLPs up to 8x8, convolutions for larger images."""
    seed, width = settings["seed"], settings["width"]
    shape = tuple(data.shape[1:]) if isinstance(data, torch.Tensor) else (2,)
    if shape[-1] > 8:
        latent, kind, sizes = 64, "dcgan", {"width": 32}
    elif len(shape) > 1:
        latent, kind, sizes = 16, "mlp", {"width": 256, "depth": 2}
    else:
        latent, kind, sizes = 2, "mlp", {"width": 128}
    if width is not None:
        sizes["width"] = width
    G = getattr(networks, f"{kind}_generator")(latent, shape, **sizes, seed=seed)
    # Another seed: networks of one shape would start with the same weights.
    D = getattr(networks, f"{kind}_critic")(shape, **sizes, seed=1000 + seed)
    return G.to(device()), D.to(device())


def _recipe(settings):
    recipe = recipes.NAMES[settings["recipe"]]
    if settings["lr"] is not None:
        players = ("critic_optimizer", "generator_optimizer")
        make = {p: partial(getattr(recipe, p), lr=settings["lr"]) for p in players}
        recipe = replace(recipe, **make)
    return replace(recipe, rate=recipes.falling()) if settings["falling"] else recipe
