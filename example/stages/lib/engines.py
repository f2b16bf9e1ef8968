"""Two engines that turn a training window into weights: `custom` (numpy, below) and `skfolio`.

Weights are not negative and sum to 1: a short position is a return stream of its own (see synthesis.py), held long.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from .env import RISK_PROFILES

ENGINES = ("custom", "skfolio")
Array = npt.NDArray[np.float64]


class Infeasible(Exception):
    """The profile has no solution on this window; the caller decides what to hold instead."""


def solve(engine: str, profile: str, train: Array, floor: float, cap: float) -> tuple[Array, str | None]:
    """Weights, and why they are not the profile's own (None if they are): then minimum variance stands in."""
    assert profile in RISK_PROFILES, profile
    cap = max(cap, 1.0 / train.shape[1])
    run = _skfolio if engine == "skfolio" else _custom
    try:
        return bounded(run(profile, train, floor, cap), floor, cap), None
    except Infeasible as reason:
        return bounded(run("min_variance", train, floor, cap), floor, cap), str(reason)


def bounded(weights: Array, floor: float, cap: float) -> Array:
    """The nearest weights (least squares) that sum to 1 within [floor, cap], by bisection on a common shift."""
    low, high = floor - weights.max(), cap - weights.min()
    for _ in range(60):
        shift = (low + high) / 2.0
        if np.clip(weights + shift, floor, cap).sum() < 1.0:
            low = shift
        else:
            high = shift
    result = np.clip(weights + high, floor, cap)
    return result / result.sum()


def limit(weights: Array, clusters: list[str], asset_cap: float, cluster_cap: float) -> Array:
    """Cut assets and clusters down to their caps; what is cut off goes to those with room, in proportion.

    Where both caps together leave less than 1 (few clusters, or clusters of one), all weights are scaled up alike.
    """
    labels = np.array(clusters)
    names = sorted(set(clusters))
    weights = weights.copy()
    for _ in range(200):
        weights = np.minimum(weights, asset_cap)
        room = weights < asset_cap - 1e-12
        for name in names:
            inside = labels == name
            total = weights[inside].sum()
            if total > cluster_cap - 1e-12:
                weights[inside] *= cluster_cap / total
                room &= ~inside
        missing = 1.0 - weights.sum()
        if missing < 1e-12 or not room.any():
            break
        share = np.where(room, weights, 0.0)
        if share.sum() < 1e-9:
            share = room.astype(np.float64)
        weights += missing * share / share.sum()
    return weights / weights.sum()


# --- custom -----------------------------------------------------------------------------------------------------------


def _custom(profile: str, train: Array, floor: float, cap: float) -> Array:
    covariance = _shrunk(train)
    if profile == "equal_weight":
        return np.full(train.shape[1], 1.0 / train.shape[1])
    if profile == "min_variance":
        return _long_only(covariance, np.ones(train.shape[1]))
    if profile == "max_sharpe":
        mean = 0.5 * train.mean(axis=0) + 0.5 * train.mean()  # half-way to the common mean
        if mean.max() <= 0:
            raise Infeasible("no asset has a positive expected return")
        return _long_only(covariance, mean)
    return _hrp(covariance)


def _shrunk(train: Array) -> Array:
    """The sample covariance, a tenth of the way to its diagonal."""
    covariance = np.cov(train, rowvar=False)
    return 0.9 * covariance + 0.1 * np.diag(np.diag(covariance))


def _long_only(covariance: Array, target: Array) -> Array:
    """Solve covariance · w = target, dropping the most negative weight until none is left (active set)."""
    active = np.arange(len(target))
    while True:
        weights = np.linalg.solve(covariance[np.ix_(active, active)], target[active])
        if weights.min() >= 0 or len(active) == 1:
            break
        active = np.delete(active, weights.argmin())
    result = np.zeros(len(target))
    result[active] = np.maximum(weights, 0.0)
    if result.sum() <= 0:
        raise Infeasible("no long-only solution")
    return result / result.sum()


def _hrp(covariance: Array) -> Array:
    """Hierarchical risk parity: assets ordered by the correlations' leading vector, risk split by bisection."""
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    laplacian = np.diag((correlation**2).sum(axis=0)) - correlation**2
    vectors = np.linalg.eigh(laplacian)[1]
    order = np.argsort(vectors[:, 1] * np.sign(vectors[np.abs(vectors[:, 1]).argmax(), 1]), kind="stable")
    weights = np.ones(len(order))
    groups = [order]
    while groups:
        group = groups.pop()
        if len(group) < 2:
            continue
        left, right = group[: len(group) // 2], group[len(group) // 2 :]
        risk_left, risk_right = _group_variance(covariance, left), _group_variance(covariance, right)
        share = 1.0 - risk_left / (risk_left + risk_right)
        weights[left] *= share
        weights[right] *= 1.0 - share
        groups += [left, right]
    return weights


def _group_variance(covariance: Array, group: npt.NDArray[np.int64]) -> float:
    block = covariance[np.ix_(group, group)]
    inverse = 1.0 / np.diag(block)
    weights = inverse / inverse.sum()
    return float(weights @ block @ weights)


# --- skfolio ----------------------------------------------------------------------------------------------------------


def _skfolio(profile: str, train: Array, floor: float, cap: float) -> Array:
    import skfolio.optimization as so  # seconds to import: only stages that optimise pay for it

    bounds: dict[str, Any] = {"min_weights": floor, "max_weights": cap}
    model: Any
    if profile == "equal_weight":
        model = so.EqualWeighted()
    elif profile == "hrp":
        model = so.HierarchicalRiskParity(**bounds)
    elif profile == "min_variance":
        model = so.MeanRisk(**bounds)
    else:
        if train.mean(axis=0).max() <= 0:
            raise Infeasible("no asset has a positive expected return")
        model = so.MeanRisk(objective_function=so.ObjectiveFunction.MAXIMIZE_RATIO, **bounds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(train)
        except Exception as error:  # the solver's own errors have no common base class
            if profile == "min_variance":
                raise
            raise Infeasible(f"{type(error).__name__}: {' '.join(str(error).split())[:120]}") from error
    return np.asarray(model.weights_, dtype=np.float64)
