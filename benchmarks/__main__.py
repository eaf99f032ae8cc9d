"""`python -m benchmarks`: what `make bench` runs."""

from benchmarks.loops import main

main()
