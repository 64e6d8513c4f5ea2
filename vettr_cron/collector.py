"""The garbage collector, as suits every process that works on chunks."""

import gc


def settle() -> None:
    """To be called once all is imported and made that stays."""
    # What the start has made stays: no collection need look through it again, and forked workers go on sharing its
    # memory.
    gc.freeze()
    # A chunk's inputs and results are many values and hardly a circle among them; by default they would be looked
    # through each time that some hundreds more have come together.
    gc.set_threshold(20_000)
