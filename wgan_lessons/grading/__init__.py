"""Exercises as notebooks: nbval runs them, and these modules decide what counts."""
