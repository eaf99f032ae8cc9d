"""Checks of networks, tensors and runs. No torch is imported: a tensor knows itself."""

from wgan_lessons._checks.numbers import number, points


def same_shape(first_name, first, second_name, second):
    """Refuse two tensors or arrays of different shapes."""
    if tuple(first.shape) != tuple(second.shape):
        raise ValueError(
            f"{first_name} and {second_name} must have the same shape; got "
            f"{tuple(first.shape)} and {tuple(second.shape)}. "
            "Draw equally many samples of equal size."
        )


def first_weight(name, network):
    """Return a network's first weight, whose device and dtype are the network's."""
    weight = next(iter(getattr(network, "parameters", tuple)()), None)
    if weight is None:
        raise ValueError(
            f"{name} must be a torch.nn.Module with weights; got "
            f"{type(network).__name__}. See networks.mlp_generator and mlp_critic."
        )
    return weight


def one_device(**tensors):
    """Refuse named tensors that differ in their device, or in their dtype."""
    for what, method in (("device", ".to(device)"), ("dtype", ".to(dtype)")):
        found = {name: str(getattr(value, what)) for name, value in tensors.items()}
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name} {value}" for name, value in found.items())
            raise ValueError(
                f"everything must have one {what}; got {listed}. "
                f"Convert with {method} before the call."
            )


def scores(name, values, count):
    """Refuse critic scores that are not one number a sample, shape (count,)."""
    if tuple(values.shape) != (count,):
        raise ValueError(
            f"{name} must return one score a sample, shape ({count},); got "
            f"{tuple(values.shape)}. End the network with torch.nn.Flatten(0)."
        )


def latent_size(G):
    """Refuse a generator that does not carry its latent size."""
    if not isinstance(getattr(G, "latent", None), int):
        raise ValueError(
            "G does not say its latent size. Set G.latent = (columns of its input)."
        )


def training_data(data, critic, batch_size):
    """Refuse data that a run cannot draw batches from."""
    if callable(getattr(data, "sample", None)):
        return
    if not hasattr(data, "requires_grad"):
        raise ValueError(
            "data must be a tensor (N, ...) or have .sample(n, generator); got "
            f"{type(data).__name__}. Use torch.as_tensor."
        )
    one_device(data=data, D=first_weight("D", critic))
    if len(data) < batch_size:
        raise ValueError(
            f"data must hold at least one batch; got {len(data)} samples for "
            f"batch_size={batch_size}. Lower batch_size."
        )


def apart(lengths):
    """Refuse pairs without a direction: none at all, or some at distance 0."""
    still = int((lengths == 0).sum())
    if still or len(lengths) == 0:
        raise ValueError(
            "x and y must hold pairs at a distance above 0; got "
            f"{len(lengths)} pair(s), {still} of them with x = y. "
            "Leave out the mass that stays in place."
        )


def finite_run(first_bad):
    """Raise if a run remembers a round in which a loss was not finite."""
    if first_bad >= 0:
        raise ValueError(
            f"a loss became NaN or infinite in round {int(first_bad)}. Try a smaller "
            "learning rate, data scaled to about 1, or a bound on the critic."
        )


def modes(mixture):
    """Return the centres (k, d) and the sigma > 0 of a mixture."""
    if not hasattr(mixture, "centres"):
        raise ValueError(f"mixture must have centres; got {mixture!r}. Pass ring().")
    sigma = number("sigma of the mixture", mixture.sigma, above=0.0)
    return points("centres", mixture.centres.cpu()), sigma


def digit_images(shape, pixels):
    """Refuse pixels of images that the classifier of digits was not trained on."""
    if len(shape) != 4 or tuple(shape[1:]) != (1, 8, 8) or abs(pixels).max() > 1.001:
        raise ValueError(
            "images must be digits of shape (N, 1, 8, 8) in [-1, 1]; got "
            f"{tuple(shape)} from {pixels.min():g} to {pixels.max():g}. Convert them."
        )


def frames(rows, columns):
    """Return {setting: rows} of a study whose settings have frames after equal work."""
    runs = {}
    for row in rows:
        if missing := {"setting", *columns} - set(row):
            raise ValueError(
                f"rows must be frames of a training; got rows without "
                f"{', '.join(sorted(missing))}. Pass read_results('playback')."
            )
        runs.setdefault(row["setting"], []).append(row)
    work = {tuple(row["gradient_evaluations"] for row in run) for run in runs.values()}
    if len(work) != 1:
        raise ValueError(
            "every setting must have frames after the same gradient evaluations; got "
            f"{len(work)} different lists. Pass read_results('playback')."
        )
    return runs
