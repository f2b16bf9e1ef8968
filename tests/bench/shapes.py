"""Pipelines that do nothing, as graphs: stage i needs the stages `needs[i]`, all of them with smaller numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A graph of stages."""

    needs: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        """Number of stages."""
        return len(self.needs)

    @property
    def last(self) -> list[int]:
        """Stages that no other needs: whoever asks for these gets all."""
        needed = {need for needs in self.needs for need in needs}
        return [stage for stage in range(self.size) if stage not in needed]

    @property
    def is_independent(self) -> bool:
        """No stage needs another."""
        return not any(self.needs)

    @property
    def is_chain(self) -> bool:
        """Each stage needs exactly the one before."""
        return all(needs == ((stage - 1,) if stage else ()) for stage, needs in enumerate(self.needs))


def independent(size: int) -> Shape:
    """Stages that need nothing."""
    return Shape(((),) * size)


def chain(size: int) -> Shape:
    """One after the other."""
    return Shape(tuple((stage - 1,) if stage else () for stage in range(size)))


def layered(layers: int, width: int) -> Shape:
    """Wide and deep: each stage needs one to three of the layer before. The same graph every time."""
    chance = random.Random(8)
    needs: list[tuple[int, ...]] = [()] * width
    for layer in range(1, layers):
        before = range((layer - 1) * width, layer * width)
        needs += [tuple(sorted(chance.sample(before, chance.randint(1, min(3, width))))) for _ in range(width)]
    return Shape(tuple(needs))
