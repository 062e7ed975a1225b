"""Kills, full disks, read-only caches, wrong clocks, changing inputs, files of others: what is left, and is it right?

    python -m benchmarks.faults [--kills 200] [--out FILE]

Every scenario ends with an undisturbed run; then each output must be whole and equal, array for array, to the one of a
run that nothing disturbed. During the scenario every output that has its final name is read and checked. Counted are

    disturbed    kills, or runs that hit the fault
    unfinished   disturbances that came before the run had ended
    damaged      outputs under their final name that were not whole (must be 0)
    wrong        outputs that differ from the undisturbed ones in the end (must be 0)
    left         temporaries that the last run did not sweep (must be 0)

The Ray scenario runs where Ray is installed, those that mount a small file system where mounting is allowed.
"""
