"""Saved and loaded is unbroken; a file is whole, fits, or is refused with a reason."""

import os
import pickle
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch

from wgan_lessons.checkpoints import load, save
from wgan_lessons.networks import (
    dcgan_critic,
    dcgan_generator,
    mlp_critic,
    mlp_generator,
)
from wgan_lessons.projections import clip_weights
from wgan_lessons.recipes import GAN, NAMES, WGAN, WGAN_GP, falling
from wgan_lessons.training import record, start, train

FALLING = replace(WGAN_GP, rate=falling(0.2))
RECIPES = {**NAMES, "falling": FALLING}


def points(n=40):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(0))


def pair(seed=0, width=8):
    G = mlp_generator(3, 2, width=width, depth=1, seed=seed)
    return G, mlp_critic(2, width=width, depth=1, seed=seed)


def trained(recipe, rounds=2, *, steps=6, networks=None):
    """A run that was broken off after some rounds."""
    state = start(*(networks or pair()), recipe, steps=steps, batch_size=8, seed=3)
    for _ in islice(train(state, points()), rounds):
        pass
    return state


def everything(state):
    """All numbers of a run, by name."""
    return {
        "generator": state.generator.state_dict(),
        "critic": state.critic.state_dict(),
        "generator_optimizer": state.generator_optimizer.state_dict(),
        "critic_optimizer": state.critic_optimizer.state_dict(),
        "rng": state.rng.get_state(),
        "numbers": (state.round, state.steps, state.batch_size, int(state.first_bad)),
    }


def assert_same(one, other):
    """Two nested structures are equal, tensors bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other) and one.dtype == other.dtype
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    else:
        assert one == other


@pytest.mark.parametrize("rounds", [0, 1, 4])
@pytest.mark.parametrize("name", RECIPES)
def test_saved_and_loaded_is_unbroken(tmp_path, name, rounds):
    """Saved after some rounds and loaded into new networks, a run has the rest of the
    unbroken history and the same end, bit for bit.
    """
    recipe = RECIPES[name]
    whole = trained(recipe, rounds)
    save(whole, tmp_path / "run.pt")
    wanted = record(train(whole, points()), every=1)
    loaded = load(tmp_path / "run.pt", *pair(seed=9), recipe)
    found = record(train(loaded, points()), every=1)
    for key, values in wanted.items():
        np.testing.assert_array_equal(values, found[key])
    assert_same(everything(whole), everything(loaded))


def test_loading_gives_back_everything(tmp_path):
    """Weights, optimisers, random generator, round, steps, batch size."""
    state = trained(FALLING, 4)
    save(state, tmp_path / "run.pt")
    assert_same(
        everything(load(tmp_path / "run.pt", *pair(5), FALLING)), everything(state)
    )


def test_batch_norm_is_saved(tmp_path):
    """A DCGAN pair goes on with its running statistics."""

    def images_pair(seed):
        G = dcgan_generator(3, (1, 8, 8), width=2, seed=seed)
        return G, dcgan_critic((1, 8, 8), width=2, batch_norm=True, seed=seed)

    data = torch.rand(9, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    state = start(*images_pair(0), GAN, steps=4, batch_size=6)
    for _ in islice(train(state, data), 2):
        pass
    save(state, tmp_path / "run.pt")
    loaded = load(tmp_path / "run.pt", *images_pair(1), GAN)
    histories = [record(train(run, data), every=1) for run in (state, loaded)]
    np.testing.assert_array_equal(histories[0]["value"], histories[1]["value"])
    assert_same(everything(state), everything(loaded))


def test_saving_changes_nothing(tmp_path):
    """A run that is saved each round has the history of one that is not."""
    quiet, busy = (trained(WGAN_GP, 0) for _ in range(2))
    wanted = record(train(quiet, points()), every=1)
    values = []
    for step in train(busy, points()):
        save(busy, tmp_path / "run.pt")
        values.append(float(step.value))
    assert values == wanted["value"].tolist()
    assert os.listdir(tmp_path) == ["run.pt"]


def test_a_finished_run_is_loaded_as_finished(tmp_path):
    """No round is left, until state.steps is raised."""
    state = trained(WGAN, 6)
    save(state, tmp_path / "run.pt")
    loaded = load(tmp_path / "run.pt", *pair(), WGAN)
    assert list(train(loaded, points())) == []
    loaded.steps = 8
    assert record(train(loaded, points()), every=1)["round"].tolist() == [7, 8]


def test_path_may_be_text_and_folders_are_made(tmp_path):
    """save("a/b/run.pt") makes the folders and leaves one file."""
    path = tmp_path / "a" / "b" / "run.pt"
    save(trained(WGAN), str(path))
    assert load(str(path), *pair(), WGAN).round == 2
    assert os.listdir(path.parent) == ["run.pt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("moment", ["writing", "renaming"])
def test_a_crash_leaves_the_old_file(tmp_path, monkeypatch, moment, error):
    """A crash while writing or renaming leaves the old checkpoint and nothing else."""
    path = tmp_path / "run.pt"
    save(trained(WGAN, 1), path)
    before = path.read_bytes()

    def crash(*arguments):
        if moment == "writing":
            arguments[1].write(b"half a file")
        raise error

    monkeypatch.setattr(
        *((torch, "save") if moment == "writing" else (os, "replace")), crash
    )
    with pytest.raises(type(error)):
        save(trained(WGAN, 3), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.pt"]
    assert load(path, *pair(), WGAN).round == 1


def test_a_bad_run_is_not_saved(tmp_path):
    """After a NaN the last good checkpoint stays."""
    path = tmp_path / "run.pt"
    make = partial(torch.optim.SGD, lr=1e30)
    recipe = replace(WGAN_GP, critic_optimizer=make, generator_optimizer=make)
    state = trained(recipe, 0)
    save(state, path)
    before = path.read_bytes()
    for _ in islice(train(state, points()), 5):
        pass
    with pytest.raises(ValueError, match="a loss became NaN or infinite in round"):
        save(state, path)
    assert path.read_bytes() == before


class Payload:
    """What an evil file would run when it is unpickled."""

    def __reduce__(self):
        return (os.system, ("echo run by the file > payload",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no whole checkpoint"),
        (b"hello", "is no whole checkpoint"),
        (pickle.dumps({"critic_optimizer": 1}), "checkpoint"),
        (pickle.dumps(Payload()), "is no whole checkpoint"),
    ],
)
def test_what_is_no_checkpoint(tmp_path, monkeypatch, content, message):
    """Empty, text, foreign or evil files are refused, and nothing in them runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.pt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load("run.pt", *pair(), WGAN)
    assert not (tmp_path / "payload").exists()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file(tmp_path, share):
    """A file that lost its end is refused by name."""
    path = tmp_path / "run.pt"
    save(trained(WGAN), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="run.pt is no whole checkpoint .*Start anew"):
        load(path, *pair(), WGAN)


@pytest.mark.parametrize(
    "content",
    [
        {"epoch": 3},
        {"critic_optimizer": {}},
        [1, 2],
        torch.zeros(3),
        pair()[0].state_dict(),
    ],
)
def test_a_file_of_another_kind(tmp_path, content):
    """What torch.save wrote, but not `save`, is refused."""
    path = tmp_path / "run.pt"
    torch.save(content, path)
    with pytest.raises(ValueError, match="run.pt is no checkpoint of this package"):
        load(path, *pair(), WGAN)


def test_a_missing_file(tmp_path):
    """The error names the path."""
    with pytest.raises(ValueError, match="no checkpoint at .*none.pt. Save one"):
        load(tmp_path / "none.pt", *pair(), WGAN)


def test_only_weights_are_unpickled(tmp_path, monkeypatch):
    """torch.load is called with weights_only=True, and with nothing that weakens it."""
    save(trained(WGAN), tmp_path / "run.pt")
    asked, original = [], torch.load

    def spy(*arguments, **settings):
        asked.append(settings)
        return original(*arguments, **settings)

    monkeypatch.setattr(torch, "load", spy)
    load(tmp_path / "run.pt", *pair(), WGAN)
    assert asked == [{"map_location": "cpu", "weights_only": True}]


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        (WGAN_GP, "critic_optimizer: RMSprop.lr=5e-05. there, Adam"),
        (replace(WGAN, critic_steps=4), "critic_steps: 5 there, 4 here"),
        (
            replace(WGAN, project=partial(clip_weights, bound=0.1)),
            r"project: clip_weights.bound=0.01. there, clip_weights.bound=0.1. here",
        ),
        (replace(WGAN, rate=falling()), "rate: None there, .*fall"),
    ],
)
def test_another_recipe(tmp_path, recipe, field):
    """The error lists what differs."""
    save(trained(WGAN), tmp_path / "run.pt")
    with pytest.raises(ValueError, match=f"by another recipe .*{field}"):
        load(tmp_path / "run.pt", *pair(), recipe)


@pytest.mark.parametrize(
    ("networks", "name"),
    [
        (pair(width=9), "generator"),
        ((pair()[0], mlp_critic(2, width=8, depth=2)), "critic"),
        ((pair()[0], mlp_critic(2, width=9, depth=1)), "critic"),
        ((mlp_generator(4, 2, width=8, depth=1), pair()[1]), "generator"),
        ([network.double() for network in pair()], "generator"),
    ],
)
def test_other_networks(tmp_path, networks, name):
    """Networks of another shape are refused by name, and neither is changed."""
    save(trained(WGAN), tmp_path / "run.pt")
    before = [{k: v.clone() for k, v in n.state_dict().items()} for n in networks]
    with pytest.raises(ValueError, match=f"run.pt holds another {name}: "):
        load(tmp_path / "run.pt", *networks, WGAN)
    for network, old in zip(networks, before, strict=True):
        assert_same(network.state_dict(), old)


def test_another_choice_of_frozen_weights(tmp_path):
    """The optimiser must have the same weights to train; else nothing is loaded."""
    save(trained(WGAN), tmp_path / "run.pt")
    G, D = pair(seed=5)
    D[0].weight.requires_grad_(False)
    before = G[0].weight.clone()
    with pytest.raises(ValueError, match="another critic_optimizer: .*Freeze the same"):
        load(tmp_path / "run.pt", G, D, WGAN)
    assert torch.equal(before, G[0].weight)


def test_another_device(tmp_path):
    """A GPU's random numbers cannot be continued on a CPU: the error says so."""
    path = tmp_path / "run.pt"
    save(trained(WGAN), path)
    content = torch.load(path, weights_only=True)
    torch.save({**content, "device": "cuda"}, path)
    with pytest.raises(ValueError, match="was saved on cuda, the networks lie on cpu"):
        load(path, *pair(), WGAN)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: one device only")
def test_a_run_on_a_gpu(tmp_path):
    """The same on a GPU: saved and loaded is unbroken."""
    networks = [[net.cuda() for net in pair(seed)] for seed in (0, 9)]
    data = points().cuda()
    state = start(*networks[0], WGAN_GP, steps=6, batch_size=8)
    for _ in islice(train(state, data), 2):
        pass
    save(state, tmp_path / "run.pt")
    loaded = load(tmp_path / "run.pt", *networks[1], WGAN_GP)
    assert_same(everything(loaded), everything(state))
