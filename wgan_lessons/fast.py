"""The critic's gradient by hand, and faster matrix products, where they are safe.

For a critic of Linear layers and (Leaky)ReLU the gradient of the whole WGAN-GP loss
takes one forward pass, one backward pass that serves the loss and the input gradient,
and one forward pass of v through the linearised critic (chapter 14, "Deeper"). The
result is autograd's, with fewer passes and far fewer calls. Anything else is left to
autograd.
"""

import contextlib
from functools import partial

import torch
from torch import nn

from wgan_lessons import losses, networks, penalties

_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, networks.MaskReLU, networks.MaskLeakyReLU)


def _hooked(thing):
    places = (getattr(thing, name) for name in dir(thing) if name.endswith("_hooks"))
    return any(place for place in places if isinstance(place, dict))


def plain_layers(critic):
    """Return the (linear, slope) pairs of an MLP critic, or None for anything else.

    slope: what the activation behind the layer does to negative numbers; 1 for none.
    Recognised exactly, by type: a subclass, a hook, a missing bias, a frozen or shared
    weight may change the gradient, so autograd keeps those.
    """
    modules = list(critic) if type(critic) is nn.Sequential else []
    if modules and _flattens(modules[0], 1):
        modules = modules[1:]
    if len(modules) % 2 or not modules or not _flattens(modules[-1], 0):
        return None
    linears, activations = modules[:-1:2], modules[1:-1:2]
    if not all(type(m) is nn.Linear and m.bias is not None for m in linears):
        return None
    if not all(type(m) in _ACTIVATIONS for m in activations):
        return None
    slopes = [
        getattr(m, "negative_slope", getattr(m, "slope", 0.0)) for m in activations
    ]
    weights = list(critic.parameters())  # each once, so that a shared one is missed
    if (
        linears[-1].out_features != 1
        or min(slopes, default=0) < 0
        or len(weights) != 2 * len(linears)
        or not all(w.requires_grad and w.is_floating_point() for w in weights)
        or any(map(_hooked, [*critic.modules(), *weights]))
    ):
        return None
    return list(zip(linears, [*slopes, 1.0], strict=True))


def _flattens(module, start):
    whole = (start, -1)
    return type(module) is nn.Flatten and (module.start_dim, module.end_dim) == whole


def gradient_by_hand(critic, pair, penalty):
    """Return a function (real, fake, rng) that fills the critic's .grad, or None.

    pair: the recipe's losses; penalty: its penalty. Only the Wasserstein loss, alone
    or with `gradient_penalty`, on a critic that `plain_layers` knows, is done by hand.
    The function returns (value, penalty), as autograd would give them.
    """
    layers = plain_layers(critic)
    if layers is None or pair != losses.wasserstein:
        return None
    if penalty is None:
        return partial(_fill_gradients, layers, None)
    if penalty is penalties.gradient_penalty:
        penalty = partial(penalty)
    if getattr(penalty, "func", None) is not penalties.gradient_penalty or penalty.args:
        return None
    return partial(_fill_gradients, layers, float(penalty.keywords.get("weight", 10.0)))


def _activate(z, slope):
    if slope == 1.0:
        return z
    return z.relu_() if slope == 0.0 else nn.functional.leaky_relu_(z, slope)


def _deactivate(delta, h, slope):
    # D_l delta in one call; h has the sign of z because the slope is not negative.
    if slope == 1.0:
        return delta
    if slope == 0.0:
        return torch.ops.aten.threshold_backward(delta, h, 0.0)
    return torch.ops.aten.leaky_relu_backward(delta, h, slope, True)


@torch.no_grad()
def _fill_gradients(layers, weight, real, fake, rng):
    m = len(real)
    points = [fake, real]
    if weight is not None:
        points.append(penalties.between(real, fake, rng))
    hs = [torch.cat(points).flatten(1)]
    for linear, slope in layers:  # z_l = W_l h_{l-1} + b_l, h_l = D_l z_l
        hs.append(_activate(torch.addmm(linear.bias, hs[-1], linear.weight.t()), slope))
    scores = hs[-1]
    value = scores[m : 2 * m].mean() - scores[:m].mean()
    # Rows of fakes carry 1/m, of reals -1/m, of x_t 1, from the last layer on.
    delta = torch.ones_like(scores)
    delta[:m] = 1 / m
    delta[m : 2 * m] = -1 / m
    deltas = [delta]
    for (linear, _), h, (_, slope) in zip(
        layers[:0:-1], hs[-2:0:-1], layers[-2::-1], strict=True
    ):  # delta_l = D_l W_{l+1}^T delta_{l+1}
        deltas.append(_deactivate(deltas[-1] @ linear.weight, h, slope))
    deltas.reverse()
    penalty = value.new_zeros(())
    if weight is not None:
        penalty = _push_forward(layers, hs, deltas, weight, 2 * m)
    for (linear, _), h, delta in zip(layers, hs[:-1], deltas, strict=True):
        linear.weight.grad = delta.t() @ h
        linear.bias.grad = delta[: 2 * m].sum(0)
    return value, penalty


def _push_forward(layers, hs, deltas, weight, start):
    """Overwrite the rows of x_t in `hs` by t_0 = v, t_l = D_l W_l t_{l-1}."""
    rows = slice(start, None)
    g = deltas[0][rows] @ layers[0][0].weight
    norm = torch.linalg.vector_norm(g, dim=1, keepdim=True)
    count = len(g)
    # (|g| - 1) g/|g|, and 0 where g = 0.
    t = g * ((norm - 1) / norm.where(norm > 0, 1.0) * (2 * weight / count))
    for index, (linear, slope) in enumerate(layers):
        active = hs[index + 1][rows]
        hs[index][rows] = t
        if index + 1 < len(layers):
            t = _deactivate(t @ linear.weight.t(), active, slope)
    return weight * (norm - 1).square().mean()


@contextlib.contextmanager
def fast_matmul():
    """Send float32 matrix products to oneDNN while inside; raise if that loses digits.

    On CPUs with AVX-512 this can double the speed of wide networks; on a CPU with AMX
    the same switch means bfloat16 arithmetic. So a probe is compared with float64
    first: a relative error above 1e-5 raises ValueError. The old setting comes back.
    """
    switch = getattr(torch.backends.mkldnn, "matmul", None)
    if switch is None or not hasattr(switch, "fp32_precision"):
        raise ValueError(
            f"fast_matmul needs torch >= 2.9; got {torch.__version__}. "
            "Train without it."
        )
    before = switch.fp32_precision
    switch.fp32_precision = "bf16"
    try:
        error = _probe_error()
        if not error <= 1e-5:  # NaN is no small error
            raise ValueError(
                f"fast_matmul would lose digits here: relative error {error:.1e}, "
                "allowed 1e-5. Train without it."
            )
        yield
    finally:
        switch.fp32_precision = before


def _probe_error():
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 256, 256, generator=rng, dtype=torch.float64)
    exact = a @ b
    return float(((a.float() @ b.float()).double() - exact).norm() / exact.norm())
