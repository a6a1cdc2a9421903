"""How much a sender may send: a bucket that fills at a rate, and that requests are taken from."""

import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_SENDERS = 10_000


class Limit:
    """Per sender `rate` a second, and at most `burst` at once. Memory is bounded."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, sender: str, amount: float) -> float:
        """0, and the amount is taken; or for how many seconds to wait, and nothing is."""
        now = self._clock()
        level, at = self._buckets.pop(sender, (self.burst, now))
        level = min(self.burst, level + (now - at) * self.rate)
        amount = min(amount, self.burst)  # what is larger than the bucket waits for a full one
        missing = amount - level
        self._buckets[sender] = (level if missing > 0 else level - amount, now)
        if len(self._buckets) > _MOST_SENDERS:
            self._buckets.popitem(last=False)
        return missing / self.rate if missing > 0 else 0.0
