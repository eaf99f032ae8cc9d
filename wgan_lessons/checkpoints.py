"""Save a run to a file and go on later as if it had never stopped."""

from dataclasses import fields

import torch

from wgan_lessons import _checks
from wgan_lessons.files import replace_file
from wgan_lessons.recipes import Recipe, describe
from wgan_lessons.training import start

FORMAT = "wgan-lessons checkpoint 1"


def save(state, path):
    """Write all of `state` to `path`: the file is whole or it is not there.

    Raises ValueError if a loss was not finite: the last good checkpoint stays.
    """
    _checks.finite_run(state.first_bad)
    content = {
        "format": FORMAT,
        "round": state.round,
        "steps": state.steps,
        "batch_size": state.batch_size,
        "recipe": _settings(state.recipe),
        "device": state.rng.device.type,
        "rng": state.rng.get_state(),
        "generator": state.generator.state_dict(),
        "critic": state.critic.state_dict(),
        "generator_optimizer": state.generator_optimizer.state_dict(),
        "critic_optimizer": state.critic_optimizer.state_dict(),
    }
    replace_file(path, lambda file: torch.save(content, file))


def load(path, G, D, recipe):
    """Return the State that `save` wrote, its weights put into `G` and `D`.

    The networks, the recipe and the device must be those of the saved run. Raises
    ValueError where the file is missing, is no checkpoint, or does not fit.
    """
    content = _read(path)
    _check_recipe(path, content["recipe"], recipe)
    _check_network(path, "generator", content["generator"], G)
    _check_network(path, "critic", content["critic"], D)
    state = start(
        G, D, recipe, steps=content["steps"], batch_size=content["batch_size"]
    )
    if content["device"] != state.rng.device.type:
        raise ValueError(
            f"{path} was saved on {content['device']}, the networks lie on "
            f"{state.rng.device.type}, whose random numbers differ. Move the networks."
        )
    for name in ("generator_optimizer", "critic_optimizer", "generator", "critic"):
        try:
            getattr(state, name).load_state_dict(content[name])
        except ValueError as error:
            raise ValueError(
                f"{path} holds another {name}: {error}. Freeze the same weights."
            ) from error
    state.rng.set_state(content["rng"].cpu())
    state.round = content["round"]
    return state


def _settings(recipe):
    return {f.name: describe(getattr(recipe, f.name)) for f in fields(Recipe)}


def _read(path):
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ValueError(
            f"no checkpoint at {path}. Save one, or start anew."
        ) from error
    except Exception as error:
        raise ValueError(
            f"{path} is no whole checkpoint ({type(error).__name__}). Start anew."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is no checkpoint of this package. Start anew.")
    return content


def _check_recipe(path, saved, recipe):
    now = _settings(recipe)
    rows = [
        f"{name}: {saved.get(name)} there, {now[name]} here"
        for name in now
        if saved.get(name) != now[name]
    ]
    if rows:
        raise ValueError(
            f"{path} was trained by another recipe ({'; '.join(rows)}). "
            "Pass the recipe of the saved run."
        )


def _check_network(path, name, saved, network):
    # Before anything is loaded: PyTorch would fill a network that half fits.
    sides = [
        {key: (tuple(value.shape), value.dtype) for key, value in weights.items()}
        for weights in (saved, network.state_dict())
    ]
    for key in sorted({*sides[0], *sides[1]}):
        there, here = (side.get(key) for side in sides)
        if there != here:
            raise ValueError(
                f"{path} holds another {name}: its {key} is {there} there, {here} "
                "here. Build the saved run's networks."
            )
