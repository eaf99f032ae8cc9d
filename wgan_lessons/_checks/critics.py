"""Checks of what a critic is made of. No torch is imported."""


def known_layers(name, unknown):
    """Refuse a critic with parts (their type names) that no proof here covers."""
    if unknown:
        raise ValueError(
            f"{name} must be a torch.nn.Sequential of Linear and Conv2d layers and of "
            f"parts that stretch nothing; got {', '.join(sorted(unknown))}. "
            "Build it like networks.mlp_critic."
        )


def only_linear(name, layers):
    """Refuse layers (their type names) that are not Linear."""
    others = sorted({layer for layer in layers if layer != "Linear"})
    if others:
        raise ValueError(
            f"{name} must have Linear layers only; got {', '.join(others)}. "
            "Use projections.clip_layers."
        )


def plain_critic(name, critic, layers):
    """Refuse a critic in which `fast.plain_layers` found no plain layers."""
    if layers is None:
        raise ValueError(
            f"{name} must be Linear layers with (Leaky)ReLUs between them and one "
            f"score a sample; got {type(critic).__name__}. Use networks.mlp_critic."
        )
