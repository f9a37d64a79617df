"""How often Python looks for garbage in circles."""

import gc


def collect_less() -> None:
    """Look for it less often: each event makes many objects, hardly any of them in a circle, and so does an import.

    Python's defaults look after every 700 objects, which took a twelfth of the receiver's CPU (`bench/receiver.py`).
    What is there by now is never looked at again.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
