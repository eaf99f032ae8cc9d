"""The training player: packed numbers, stored frames, and what the page is given.

What it does in a browser is in test_site.py, on the built page.
"""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st

from wgan_lessons import _packing, distributions, evaluation, studies, widgets
from wgan_lessons.reading import read_results
from wgan_lessons.studies import measures
from wgan_lessons.widgets import live, training_player

ROWS = read_results("playback")
RING = distributions.ring()


@pytest.fixture(scope="module")
def player():
    return widgets.TrainingPlayer(ROWS)


# Packing


@examples
@given(st.lists(st.floats(-3, 3), min_size=1), st.integers(1, 3))
def test_unpacked_numbers_are_those_packed(values, width):
    """To half a step of (high - low)/(64^width - 1), after a cut at low and high."""
    text = _packing.pack(values, low=-2, high=2, width=width)
    assert len(text) == width * len(values)
    found = _packing.unpack(text, low=-2, high=2, width=width)
    step = 4 / (64**width - 1)
    assert np.abs(found - np.clip(values, -2, 2)).max() <= step / 2 + 1e-12


def test_packed_digits_are_those_of_base_64():
    """0, 1, 63, 64 and 4095 in two characters, the highest digit first."""
    text = _packing.pack([0, 1, 63, 64, 4095], low=0, high=4095, width=2)
    assert text == "AAABA/BA//"


def test_equal_numbers_are_packed_as_the_lowest():
    """A flat critic has low = high: no division by zero."""
    assert _packing.pack([5.0, 5.0], low=5.0, high=5.0, width=1) == "AA"
    assert _packing.unpack("AA", low=5.0, high=5.0, width=1).tolist() == [5, 5]


@pytest.mark.parametrize("values, high", [([np.nan], 1), ([np.inf], 1), ([0], -1)])
def test_what_cannot_be_packed_is_refused(values, high):
    with pytest.raises(ValueError, match="must be"):
        _packing.pack(values, low=0, high=high, width=1)


# The study


class Far(torch.nn.Module):
    """A "generator" of points around (1, -1), some of them outside the view."""

    latent = 2

    def forward(self, z):
        return z + torch.tensor([1.0, -1.0])


def test_a_frame_packs_samples_and_scores(monkeypatch):
    """The critic x + 10 y on the cells' centres, row by row from below; the samples."""
    monkeypatch.setattr(measures, "REPEATS", 1)
    setting = studies.SETTINGS["playback"]["WGAN-GP"]
    D = torch.nn.Sequential(torch.nn.Linear(2, 1, bias=False), torch.nn.Flatten(0))
    with torch.no_grad():
        D[0].weight.copy_(torch.tensor([[1.0, 10.0]]))
    G = Far().requires_grad_(False)
    G.place = torch.nn.Parameter(torch.zeros(()))
    state = SimpleNamespace(generator=G, critic=D, round=1)
    row = measures.frame(setting, studies.Snapshot(state, G, np.zeros(1), 0.0), 0)
    assert tuple(row) and set(row) == set(measures.FRAME)
    side, view = measures.SIDE, measures.VIEW
    centres = -view + (np.arange(side) + 0.5) * 2 * view / side
    expected = np.add.outer(10 * centres, centres)
    low, high = row["score_low"], row["score_high"]
    assert (low, high) == pytest.approx((expected.min(), expected.max()))
    scores = _packing.unpack(row["scores"], low=low, high=high, width=1)
    assert np.abs(scores.reshape(side, side) - expected).max() <= (high - low) / 126
    points = training_player.samples(row)
    assert points.shape == (measures.SHOWN, 2) and np.abs(points).max() == view


def test_the_runs_are_those_of_the_study_with_five_seeds():
    """Only the looks differ; frames come after equal work; seed 0 is the one shown."""
    names = {"GAN": "GAN, equal work", "WGAN": "WGAN, c 0.1", "WGAN-GP": "WGAN-GP"}
    ours, theirs = studies.SETTINGS["playback"], studies.SETTINGS["ring_losses"]
    assert set(ours) == set(names)
    for name, other in names.items():
        assert replace(ours[name], every=0) == theirs[other]
    assert {s.every * (s.recipe.critic_steps + 1) for s in ours.values()} == {600}
    assert studies.STUDIES["playback"].seeds == (0,)
    assert {row["seed"] for row in ROWS} == {0}


def test_stored_samples_belong_to_the_stored_numbers():
    """128 shown samples and the 4,000 measured ones come from one generator.

    The share near a mode of each: at most 4.5 standard deviations apart.
    """
    for row in ROWS:
        points, share = training_player.samples(row), row["high_quality"]
        assert points.shape == (measures.SHOWN, 2)
        found = evaluation.mode_report(points, RING).high_quality
        allowed = 4.5 * np.sqrt(share * (1 - share) / len(points)) + 1.5 / len(points)
        assert abs(found - share) <= allowed, (row["setting"], row["round"])
        assert len(row["scores"]) == measures.SIDE**2


# The figure


def test_the_page_gets_the_stored_numbers(player):
    """Every number of every frame, in the order of the frames."""
    data = json.loads(live.encode(player.data()))
    assert [run["name"] for run in data["runs"]] == list(player.runs)
    for run in data["runs"]:
        rows = [row for row in ROWS if row["setting"] == run["name"]]
        assert len(rows) == len(data["work"]) == 20
        for key in training_player.SHOWN:
            assert run[key] == [row[key] for row in rows]
        assert data["work"] == [row["gradient_evaluations"] for row in rows]
    assert data["modes"] == pytest.approx(RING.centres.numpy(), abs=1e-6)
    assert {row["view"] for row in ROWS} == {data["view"]}
    assert {row["w1_floor"] for row in ROWS} == {data["floor"]}


def test_the_sentence_holds_the_last_numbers(player):
    """Modes and W1 of each loss, then the floor, as the page writes them."""
    found = re.findall(r"[\d.]+(?=[ ,.])|[\d.]+$", player.sentence())
    last = [rows[-1] for rows in player.runs.values()]
    for row in last:
        assert live.say(row["w1"], 3) in player.sentence()
        assert f"{row['setting']} covers {row['modes']} of 8" in player.sentence()
    assert found[0] == live.say(last[0]["gradient_evaluations"])


def test_the_player_is_small_and_the_same_every_time(player):
    bundle = player._repr_mimebundle_()
    assert len(bundle["text/html"].encode()) < 115_000
    assert bundle == widgets.TrainingPlayer(ROWS)._repr_mimebundle_()
    assert bundle["text/plain"] == player.sentence() == repr(player)


def test_other_rows_are_refused():
    """Rows of another study, none, and settings whose frames do not fit together."""
    for rows in (read_results("ring"), [], ROWS[:-1]):
        with pytest.raises(ValueError, match="Pass read_results"):
            widgets.TrainingPlayer(rows)
