"""Live figures: alive in Jupyter, on Colab and on a static page, with no kernel.

A cell that ends in one of them shows it. Where scripts do not run, a still picture and
a sentence stand in its place. All numbers come from the package; `Live` is the base.
"""

from wgan_lessons.widgets.live import Live
from wgan_lessons.widgets.move_boxes import MoveBoxes
from wgan_lessons.widgets.parallel_lines import ParallelLines
from wgan_lessons.widgets.training_player import TrainingPlayer
from wgan_lessons.widgets.two_dirac_critic import TwoDiracCritic

__all__ = ["Live", "MoveBoxes", "ParallelLines", "TrainingPlayer", "TwoDiracCritic"]
