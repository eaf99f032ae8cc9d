"""How far apart are two laws: KL, JS, TV and their relatives (chapter 2).

One name a divergence: `kl(p, q)` takes histograms, `kl_densities(p, q)` densities and
`kl_normals(m1, s1, m2, s2)` the parameters of normal laws. What takes samples says how
it is biased. P comes first; logarithms are natural; infinite is `inf`.
"""

from wgan_lessons.divergences.clouds import (
    energy_distance,
    kl_nearest_neighbours,
    kl_plug_in,
    mmd,
)
from wgan_lessons.divergences.continuous import (
    chi_square_densities,
    js_densities,
    kl_densities,
    squared_hellinger_densities,
    tv_densities,
)
from wgan_lessons.divergences.histograms import (
    BestTest,
    best_test,
    chi_square,
    cross_entropy,
    entropy,
    jeffrey,
    js,
    kl,
    pushforward,
    squared_hellinger,
    tv,
)
from wgan_lessons.divergences.normals import (
    chi_square_normals,
    kl_gaussians,
    kl_normals,
    squared_hellinger_normals,
    tv_normals,
)

__all__ = [
    "BestTest",
    "best_test",
    "chi_square",
    "chi_square_densities",
    "chi_square_normals",
    "cross_entropy",
    "energy_distance",
    "entropy",
    "jeffrey",
    "js",
    "js_densities",
    "kl",
    "kl_densities",
    "kl_gaussians",
    "kl_nearest_neighbours",
    "kl_normals",
    "kl_plug_in",
    "mmd",
    "pushforward",
    "squared_hellinger",
    "squared_hellinger_densities",
    "squared_hellinger_normals",
    "tv",
    "tv_densities",
    "tv_normals",
]
