"""Our training loop against plain ones: the same losses first, then time per round.

    python benchmarks/loops.py [--quick] [--threads N] [--case TEXT]

README.md beside this file says what is measured, how, and what the limit is.
"""

import argparse
import statistics
import time
from contextlib import nullcontext
from copy import deepcopy
from functools import partial
from typing import NamedTuple

import torch
from torch.optim import Adam

from wgan_lessons import distributions, fast, networks, recipes, training
from wgan_lessons.projections import clip_weights


class Case(NamedTuple):
    """What is trained: networks for one shape, a recipe by name, a batch size."""

    name: str
    recipe: str
    pair: object
    data: object
    batch_size: int
    rounds: int  # in one turn of the timing


def mlp_pair(width):
    return (
        networks.mlp_generator(2, (2,), width=width, depth=3),
        networks.mlp_critic((2,), width=width, depth=3),
    )


def dcgan_pair(width):
    return (
        networks.dcgan_generator(64, width=width, batch_norm=False),
        networks.dcgan_critic(width=width),
    )


def points():
    return distributions.ring().sample(8192, seed=1)


def noise_images():
    """Return images of noise: their time is that of any other images."""
    rng = torch.Generator().manual_seed(1)
    return torch.rand(1024, 1, 28, 28, generator=rng) * 2 - 1


CASES = [
    Case("512x3, batch 256", "wgan-gp", partial(mlp_pair, 512), points, 256, 8),
    Case("512x3, batch 256", "wgan", partial(mlp_pair, 512), points, 256, 8),
    Case("64x3, batch 64", "wgan-gp", partial(mlp_pair, 64), points, 64, 60),
    Case("64x3, batch 64", "wgan", partial(mlp_pair, 64), points, 64, 60),
    Case(
        "DCGAN 28x28, width 16, batch 64",
        "wgan-gp",
        partial(dcgan_pair, 16),
        noise_images,
        64,
        3,
    ),
]


class Run(NamedTuple):
    """What a plain loop works on: networks, optimisers, data, draws."""

    G: torch.nn.Module
    D: torch.nn.Module
    critic_optimizer: torch.optim.Optimizer
    generator_optimizer: torch.optim.Optimizer
    data: torch.Tensor
    rng: torch.Generator
    batch_size: int
    recipe: recipes.Recipe


def strong_loop(run):
    """Yield (value, penalty, generator's loss): plain PyTorch, tuned as far as it goes.

    All rows and latents of a round in one draw, its fakes in one pass without gradient,
    real and fake in one pass, one backward, fused Adam, nothing leaves the device.
    """
    G, D, m, n_critic = run.G, run.D, run.batch_size, run.recipe.critic_steps
    dtype = next(D.parameters()).dtype
    while True:
        rows = torch.randint(len(run.data), (m * n_critic,), generator=run.rng)
        latents = torch.randn(m * n_critic, G.latent, generator=run.rng, dtype=dtype)
        with torch.no_grad():
            fakes = G(latents)
        for real, fake in zip(run.data[rows].split(m), fakes.split(m), strict=True):
            on_real, on_fake = D(torch.cat([real, fake])).split(m)
            loss = on_fake.mean() - on_real.mean()
            penalty = torch.zeros((), dtype=dtype)
            if run.recipe.penalty is not None:
                t = torch.rand(m, generator=run.rng, dtype=dtype)
                points = torch.lerp(real, fake, t.view(m, *[1] * (real.dim() - 1)))
                points.requires_grad_()
                (slope,) = torch.autograd.grad(
                    D(points).sum(), points, create_graph=True
                )
                penalty = 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
            run.critic_optimizer.zero_grad()
            (loss + penalty).backward()
            run.critic_optimizer.step()
            if run.recipe.project is not None:
                clip_weights(D, bound=0.01)
        latents = torch.randn(m, G.latent, generator=run.rng, dtype=dtype)
        for parameter in D.parameters():
            parameter.requires_grad_(False)
        generator_loss = -D(G(latents)).mean()
        run.generator_optimizer.zero_grad()
        generator_loss.backward()
        run.generator_optimizer.step()
        for parameter in D.parameters():
            parameter.requires_grad_(True)
        yield -loss.detach(), penalty.detach(), generator_loss.detach()


def naive_loop(run):
    """The same as most code has it: fakes with their graph, a forward pass for each
    kind of sample, unused gradients, numbers read in every step.
    """
    G, D, m, n_critic = run.G, run.D, run.batch_size, run.recipe.critic_steps
    dtype = next(D.parameters()).dtype
    while True:
        rows = torch.randint(len(run.data), (m * n_critic,), generator=run.rng)
        latents = torch.randn(m * n_critic, G.latent, generator=run.rng, dtype=dtype)
        for k in range(n_critic):
            part = slice(k * m, (k + 1) * m)
            real, fake = run.data[rows[part]], G(latents[part])
            loss = D(fake).mean() - D(real).mean()
            penalty = torch.zeros((), dtype=dtype)
            if run.recipe.penalty is not None:
                t = torch.rand(m, generator=run.rng, dtype=dtype)
                t = t.view(m, *[1] * (real.dim() - 1))
                points = (1 - t) * real + t * fake
                scores = D(points)
                (slope,) = torch.autograd.grad(
                    scores, points, torch.ones_like(scores), create_graph=True
                )
                penalty = 10 * ((slope.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
            run.critic_optimizer.zero_grad()
            (loss + penalty).backward()
            run.critic_optimizer.step()
            if run.recipe.project is not None:
                for parameter in D.parameters():
                    parameter.data.clamp_(-0.01, 0.01)
            numbers = -loss.item(), penalty.item()
        generator_loss = -D(
            G(torch.randn(m, G.latent, generator=run.rng, dtype=dtype))
        ).mean()
        run.generator_optimizer.zero_grad()
        generator_loss.backward()
        run.generator_optimizer.step()
        yield *numbers, generator_loss.item()


def ours(run):
    """`training.train`, from the same networks and the same random numbers."""
    state = training.start(
        run.G, run.D, run.recipe, steps=10**9, batch_size=run.batch_size
    )
    state.rng = run.rng
    for step in training.train(state, run.data):
        yield step.value, step.penalty, step.generator_loss


def optimizer(make, network, *, fused):
    settings = {"fused": True} if fused and make.func is Adam else {}
    return make(network.parameters(), **settings)


def prepare(loop, case, networks_, *, dtype=torch.float32):
    """Return the loop, started on copies of the networks with one seed for all."""
    G, D = (deepcopy(network).to(dtype) for network in networks_)
    recipe = recipes.NAMES[case.recipe]
    fused = loop is not naive_loop
    return loop(
        Run(
            G,
            D,
            optimizer(recipe.critic_optimizer, D, fused=fused),
            optimizer(recipe.generator_optimizer, G, fused=fused),
            case.data().to(dtype),
            torch.Generator().manual_seed(0),
            case.batch_size,
            recipe,
        )
    )


def assert_equal_losses(case, rounds=2):
    """All loops give the same numbers, in float64 up to rounding."""
    pair, found = case.pair(), []
    for loop in (strong_loop, naive_loop, ours):
        run = prepare(loop, case, pair, dtype=torch.float64)
        found.append([[float(x) for x in next(run)] for _ in range(rounds)])
    strong, *others = map(torch.tensor, found)
    for other in others:
        torch.testing.assert_close(other, strong, rtol=1e-6, atol=1e-9)


def matmul_context():
    """Return `fast.fast_matmul` where this machine and PyTorch allow it, else None."""
    try:
        with fast.fast_matmul():
            return fast.fast_matmul
    except ValueError as error:
        print(error)
        return None


def clock():
    # With one thread, the time of this process: other processes disturb it little.
    one = torch.get_num_threads() == 1
    return time.process_time() if one else time.perf_counter()


def measure(case, *, repeats, rounds, context):
    """Return {loop: [seconds a round]}, from runs that take turns."""
    pair = case.pair()
    entries = {
        "strong": (strong_loop, nullcontext),
        "naive": (naive_loop, nullcontext),
        "ours": (ours, nullcontext),
    }
    if context is not None:
        entries["ours, fast matmul"] = (ours, context)
        entries["strong, fast matmul"] = (strong_loop, context)
    runs = {name: prepare(loop, case, pair) for name, (loop, _) in entries.items()}
    seconds = {name: [] for name in entries}
    for repeat in range(repeats + 1):
        for name, (_, inside) in entries.items():
            with inside():
                before = clock()
                for _ in range(rounds):
                    next(runs[name])
                if repeat:  # the first turn warms up
                    seconds[name].append((clock() - before) / rounds)
    return seconds


def ratio(seconds, name):
    """Median over the turns of the strong loop's time over this one's."""
    pairs = zip(seconds["strong"], seconds[name], strict=True)
    return statistics.median(strong / own for strong, own in pairs)


def main(arguments=None):
    """Assert equality, measure every case, print a table of ratios."""
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns")
    parser.add_argument(
        "--threads", type=int, help="PyTorch's threads (default: its own)"
    )
    parser.add_argument(
        "--case", default="", help="only cases whose name has this text"
    )
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    cases = [c for c in CASES if options.case in f"{c.recipe} {c.name}"]
    for case in cases:
        assert_equal_losses(case)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s)")
    print("All loops gave equal losses. Speed against the strong plain loop:\n")
    context = matmul_context()
    columns = ["naive", "ours", "ours, fast matmul", "strong, fast matmul"]
    print("| case | strong, ms a round |", " | ".join(columns), "|")
    print("|---|---|" + "---|" * len(columns))
    for case in cases:
        turns, rounds = (
            (3, max(1, case.rounds // 4)) if options.quick else (11, case.rounds)
        )
        seconds = measure(case, repeats=turns, rounds=rounds, context=context)
        shown = [f"{ratio(seconds, c):.2f}" if c in seconds else "-" for c in columns]
        strong = f"{1000 * statistics.median(seconds['strong']):.2f}"
        print(
            f"| {case.recipe}, {case.name} | {strong} |",
            " | ".join(shown),
            "|",
            flush=True,
        )


if __name__ == "__main__":
    main()
