"""Argument checks: exactly the bad is refused, and the message says how to mend it."""

import inspect
import math
import re
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from families import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from wgan_lessons import _checks
from wgan_lessons.distributions import ring

NUMBERS = st.floats(-1e6, 1e6)


def refused(call, *arguments, **settings):
    """Return the message of the ValueError, or None if there was none."""
    try:
        call(*arguments, **settings)
    except ValueError as error:
        return str(error)
    return None


@examples
@given(st.integers(-5, 5), st.integers(-5, 5))
def test_integer_takes_whole_numbers_from_its_minimum_on(value, minimum):
    """An int, or numpy's, is returned as an int iff it is at least the minimum."""
    for form in (value, np.int64(value)):
        message = refused(_checks.integer, "steps", form, minimum=minimum)
        assert (message is None) == (value >= minimum)
        if message is None:
            found = _checks.integer("steps", form, minimum=minimum)
            assert found == value and type(found) is int


@pytest.mark.parametrize("value", [True, False, 2.0, "2", None, [2], np.array(2.5)])
def test_integer_refuses_what_only_looks_whole(value):
    """Booleans, floats, text and lists are no whole numbers."""
    assert "steps must be a whole number" in refused(_checks.integer, "steps", value)


@examples
@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_number_takes_finite_numbers_within_limits(value, minimum, above, below):
    """Returned as a float iff minimum <= value, above < value and value < below."""
    limits = dict(minimum=minimum, above=above, below=below)
    message = refused(_checks.number, "c", value, **limits)
    assert (message is None) == (value >= minimum and above < value < below)
    if message is None:
        assert _checks.number("c", value, **limits) == value


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, True, "1", None, 1j, [1.0]]
)
def test_number_refuses_what_is_no_finite_number(value):
    """NaN, infinities, booleans, text: refused by name, with what came."""
    message = refused(_checks.number, "c", value)
    assert message == f"c must be a finite number; got {value!r}. Change c."


def test_number_takes_every_real():
    """Fractions, numpy's and Python's numbers become floats."""
    for value in (Fraction(1, 2), np.float32(0.5), 0.5):
        assert _checks.number("c", value) == 0.5
        assert type(_checks.number("c", value)) is float


@examples
@given(
    arrays(float, array_shapes(min_dims=1, max_dims=3, max_side=4), elements=NUMBERS)
)
def test_array_returns_the_same_numbers(values):
    """A finite array comes back as float64, from lists too; a NaN in it is counted."""
    np.testing.assert_array_equal(_checks.array("x", values.tolist()), values)
    assert _checks.array("x", values.astype(np.float32)).dtype == np.float64
    assert _checks.array("x", values, ndim=values.ndim) is not None
    assert "dimension" in refused(_checks.array, "x", values, ndim=values.ndim + 1)
    values.flat[0] = math.nan
    assert "got 1 NaN or infinite value(s)" in refused(_checks.array, "x", values)


@examples
@given(st.lists(st.floats(0, 10), min_size=1, max_size=6))
def test_weights_are_nonnegative_and_sum_to_one(values):
    """w / sum(w) passes; w passes iff its sum is 1; a negative entry never does."""
    values, total = np.array(values), sum(values)
    if total > 1e-3:
        np.testing.assert_allclose(_checks.weights("a", values / total).sum(), 1)
    message = refused(_checks.weights, "a", values)
    assert (message is None) == (abs(values.sum() - 1) <= 1e-9)
    if message:
        assert message.endswith("Divide by a.sum().")
    moved = np.append(values, [-1.0, 2.0 - total])
    assert "must not be negative; got" in refused(_checks.weights, "a", moved)


def test_weights_message_is_the_books():
    """The example of the style guide, word for word."""
    message = refused(_checks.weights, "weights", [0.5, 0.4])
    assert message == "weights must sum to 1; got 0.9. Divide by weights.sum()."


def test_points_and_samples():
    """points: (n, d) only; samples: (n,) becomes (n, 1)."""
    assert _checks.points("x", [[1, 2], [3, 4]]).shape == (2, 2)
    assert _checks.samples("x", [1, 2, 3]).shape == (3, 1)
    assert _checks.samples("x", [[1, 2]]).shape == (1, 2)


@examples
@given(*[st.lists(st.integers(1, 3), max_size=3)] * 2)
def test_same_shape(first, second):
    """Refused iff the shapes differ; no broadcasting."""
    message = refused(_checks.same_shape, "x", np.zeros(first), "y", np.zeros(second))
    assert (message is None) == (first == second)


def test_one_device_and_one_dtype():
    """Equal device and dtype pass; the message names everyone's."""
    x = torch.zeros(2)
    assert refused(_checks.one_device, G=x, D=x, data=x) is None
    message = refused(_checks.one_device, G=x, D=x.to("meta"))
    assert message.startswith("everything must have one device; got G cpu, D meta.")
    message = refused(_checks.one_device, G=x, D=x, data=x.half())
    assert "one dtype; got G torch.float32, D torch.float32, data torch.fl" in message


def test_training_data():
    """Tensors with a batch in them pass, and whatever can be sampled."""
    critic = torch.nn.Linear(2, 1)
    assert refused(_checks.training_data, torch.zeros(8, 2), critic, 8) is None
    assert refused(_checks.training_data, ring(), critic, 8) is None


@pytest.mark.parametrize("first_bad", [-1, torch.tensor(-1)])
def test_a_good_run(first_bad):
    """-1 means that no loss was bad."""
    assert refused(_checks.finite_run, first_bad) is None


TENSOR, LINEAR = torch.zeros(3, 2), torch.nn.Linear(2, 1)
LAW = SimpleNamespace(centres=torch.zeros(2, 2), sigma=0.0)

# A bad call for every check, and what its message must name.
BAD = [
    (lambda: _checks.integer("n", 0), "n must be a whole number of at least 1; got 0"),
    (lambda: _checks.number("c", 0, above=0), "c must be a finite number above 0"),
    (
        lambda: _checks.number("c", 2, minimum=0, below=1),
        "at least 0 and below 1; got 2",
    ),
    (lambda: _checks.one_of("law", "rng", {"ring": 1, "grid": 2}), "grid, ring"),
    (lambda: _checks.array("x", [[1], [1, 2]]), "x must be numbers in a rectangular"),
    (lambda: _checks.array("x", "abc"), "x must be numbers in a rectangular"),
    (lambda: _checks.array("x", []), "x is empty; got shape (0,)"),
    (lambda: _checks.weights("a", [0.5, 0.5], size=3), "got 2 for 3 points"),
    (lambda: _checks.weights("a", [1.5, -0.5]), "negative; got -0.5. Mass cannot be"),
    (lambda: _checks.points("x", [1, 2]), "x must have 2 dimension(s); got shape (2,)"),
    (
        lambda: _checks.points("x", [[1, 2]], dim=3),
        "points in 3 dimension(s); got shape",
    ),
    (lambda: _checks.same_shape("x", TENSOR, "y", TENSOR.T), "got (3, 2) and (2, 3)"),
    (lambda: _checks.first_weight("D", 3), "D must be a torch.nn.Module with weights"),
    (
        lambda: _checks.one_device(a=TENSOR, b=TENSOR.double()),
        "a torch.float32, b torch",
    ),
    (lambda: _checks.scores("f", TENSOR, 3), "shape (3,); got (3, 2). End the network"),
    (
        lambda: _checks.known_layers("critic", {"GELU"}),
        "critic must be a torch.nn.Sequential of Linear and Conv2d",
    ),
    (lambda: _checks.only_linear("critic", ["Conv2d"]), "only; got Conv2d. Use"),
    (
        lambda: _checks.plain_critic("critic", LINEAR, None),
        "one score a sample; got Linear. Use networks.mlp_critic",
    ),
    (lambda: _checks.latent_size(LINEAR), "Set G.latent = (columns of its input)"),
    (
        lambda: _checks.training_data(TENSOR, LINEAR, 4),
        "got 3 samples for batch_size=4",
    ),
    (lambda: _checks.training_data([1.0], LINEAR, 4), "got list. Use torch.as_tensor"),
    (
        lambda: _checks.apart(TENSOR[:, 0]),
        "got 3 pair(s), 3 of them with x = y. Leave out",
    ),
    (lambda: _checks.frames([{"setting": "GAN"}], ["w1"]), "rows without w1. Pass"),
    (lambda: _checks.frames([], []), "got 0 different lists. Pass"),
    (lambda: _checks.finite_run(torch.tensor(7)), "NaN or infinite in round 7. Try"),
    (lambda: _checks.pile("sources", {}), "sources must be a dict {position: boxes}"),
    (lambda: _checks.pile("sources", {1: 0}), "sources[1] must be a whole number"),
    (lambda: _checks.puzzle({1: 2}), "a puzzle is a pair of dicts; got {1: 2}"),
    (lambda: _checks.puzzle(({1: 2}, {1: 3})), "equally many boxes; got 2 and 3"),
    (lambda: _checks.plan([[1, 2]], [3], [3]), "shape (1, 1); got (1, 2)"),
    (lambda: _checks.plan([[0.5]], [1], [1]), "whole numbers of boxes, none negative"),
    (
        lambda: _checks.plan([[2]], [1], [1]),
        "row sums [1] and column sums [1]; got [2]",
    ),
    (lambda: _checks.transport([1], [1], [[1, 2]]), "b must hold one weight a point"),
    (lambda: _checks.prices("u", [1], size=2), "u must hold one number a point; got 1"),
    (
        lambda: _checks.table("plan", [[1]], shape=(1, 2)),
        "plan must hold one entry a pair, shape (1, 2); got (1, 1)",
    ),
    (
        lambda: _checks.weighted("x", [1, 2], "a", [1.0]),
        "a must hold one weight a point",
    ),
    (lambda: _checks.samples("x", [[[1]]]), "x must have 2 dimension(s)"),
    (
        lambda: _checks.same_count("x", [1], "y", [1, 2]),
        "equally many points; got 1 and",
    ),
    (lambda: _checks.enough("x", [1], 2), "x must hold at least 2 samples; got 1"),
    (lambda: _checks.modes(3), "mixture must have centres"),
    (
        lambda: _checks.modes(LAW),
        "sigma of the mixture must be a finite number above 0",
    ),
    (
        lambda: _checks.digit_images((3, 1, 8, 8), np.full((3, 64), 9)),
        "digits of shape",
    ),
    (
        lambda: _checks.intervals("s", ((0, 2), (1, 3))),
        "intervals (low, high) in rising",
    ),
    (lambda: _checks.peaks("modes", ()), "at least one pair (centre, scale); got ()"),
    (lambda: _checks.peaks("modes", ((0, 0),)), "a scale of modes must be a finite"),
    (lambda: _checks.known_tail("left", None), "got left=None. Pass left=Tail("),
    (lambda: _checks.within_floats("chi^2", np.inf), "beyond the largest float"),
    (lambda: _checks.shrinking(1.0, 1.0), "got pieces 1 and then 1. Check that"),
    (
        lambda: _checks.positive_definite("C", np.ones((2, 2)), size=2),
        "C must be positive definite; got the lowest eigenvalue",
    ),
    (lambda: _checks.kernel("K", [[1.0]], size=2), "one row for each of 2 boxes"),
    (lambda: _checks.kernel("K", [[0.5]], size=1), "a row of K must sum to 1; got 0.5"),
    (lambda: _checks.counts("n", [1, 0.5]), "n must be whole numbers, none negative"),
    (lambda: _checks.no_repeats("x", [[1.0], [0.0]]), "no repeated points; got 1 with"),
    (lambda: _checks.covariance("s", np.eye(2), size=3), "got shape (2, 2)"),
    (lambda: _checks.covariance("s", np.tri(2), size=2), "s must be symmetric"),
    (lambda: _checks.covariance("s", -np.eye(2), size=2), "no negative eigenvalue"),
]


@pytest.mark.parametrize(("call", "part"), BAD)
def test_messages_say_what_what_came_and_what_to_do(call, part):
    """A ValueError of two sentences: what is wrong and what came; then what to do."""
    with pytest.raises(ValueError, match=re.escape(part)) as caught:
        call()
    message = str(caught.value)
    assert message.endswith(".") and message.count(". ") >= 1
    assert len(message) < 250


def test_every_check_has_a_bad_call_here():
    """A check that is added to the module needs a case in BAD."""
    functions = {
        name
        for name, check in inspect.getmembers(_checks, inspect.isfunction)
        if not name.startswith("_")
    }
    tried = {name for call, _ in BAD for name in call.__code__.co_names}
    assert functions <= tried, "add a bad call to BAD"
