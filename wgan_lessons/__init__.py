"""Wasserstein GANs, taught by functions that you can read and run.

The modules, in the order in which the course uses them, are listed in `MODULES`.
Importing the package imports none of them, and no torch.
"""

__version__ = "0.1.0"

PART_I = ("boxes", "transport", "duality", "densities", "divergences", "examples")
PART_II = (
    "distributions",
    "images",
    "networks",
    "losses",
    "penalties",
    "projections",
    "fast",
    "recipes",
    "training",
    "checkpoints",
    "theory",
    "signals",
    "evaluation",
)
PART_III = ("figures", "widgets", "reading", "studies")
MODULES = PART_I + PART_II + PART_III

__all__ = ["MODULES", "PART_I", "PART_II", "PART_III", "__version__"]
