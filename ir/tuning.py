"""What kernels were measured to take on one device."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tuning:
    """Seconds of each launch of a kernel's variants, by their keys (see ``passes/tuned.py``).

    Two are equal if the driver and all that was measured are.
    """

    driver: str
    seconds: Mapping[str, tuple[float, ...]] = field(compare=False, repr=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        text = repr(sorted(self.seconds.items()))
        object.__setattr__(self, "digest", hashlib.sha256(text.encode()).hexdigest())
