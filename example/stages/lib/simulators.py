"""Two simulators of one test window: `custom` (ideal: free daily rebalancing) and `costs` (what trading would cost).

`costs` buys at the decision, lets the weights drift until the next one, pays `TRADE_COST` on every dollar traded and a
borrow fee on shorts. Both start from cash.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

SIMULATORS = ("custom", "costs")
TRADE_COST = 0.0006  # commission and half the spread, per dollar traded
BORROW_COST = 0.003  # a year, on the gross value of shorts
DAYS = 252
Array = npt.NDArray[np.float64]


@dataclass
class Book:
    """The holdings of one simulated account between windows; names are assets or return streams."""

    simulator: str
    weights: dict[str, float] = field(default_factory=dict)

    def hold(self, names: list[str], target: Array, test: Array, short: Array) -> tuple[Array, float]:
        """Daily returns over `test` (days by names), and the one-way turnover of getting there."""
        wanted = dict(zip(names, target.tolist(), strict=True))
        traded = sum(abs(wanted.get(n, 0.0) - self.weights.get(n, 0.0)) for n in sorted(wanted | self.weights))
        cash = abs(sum(wanted.values()) - sum(self.weights.values()))
        if self.simulator == "custom":
            self.weights = wanted
            return test @ target, (traded + cash) / 2.0
        values = target * np.cumprod(1.0 + test, axis=0)
        account = np.concatenate(([1.0], values.sum(axis=1)))
        returns = account[1:] / account[:-1] - 1.0
        returns -= BORROW_COST / DAYS * float(target @ short)
        returns[0] -= TRADE_COST * traded
        self.weights = dict(zip(names, (values[-1] / values[-1].sum()).tolist(), strict=True))
        return returns, (traded + cash) / 2.0
