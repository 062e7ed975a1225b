"""Features of an agent in each time step: weighted statistics of its rows. Masks steps without the agent.

Parts divide time, not frames. Every row represents an interval of time (`row_cells`), so a statistic is an integral
over time. A video with fewer frames than parts does not need padding.

Statistics of a channel x with weight w over one part (all integrals over time, W = integral of w):

- `mean`: M = integral of w x / W.
- `mean_std_absdiff`: M; the square root of the integral of w (x - M)^2 / W; the mean of abs(dx/dt), per second.
- `samples`: x at the middles of k equal pieces of the part, on straight lines between rows.
- `dct`: magnitudes of the k lowest cosine coefficients. The first is abs(M). The j-th is the square root of 2 times
  abs of the integral of w (x - M) cos(pi j s) / W; s runs from 0 to 1 over the part.

`dct` follows Pirsiavash, Vondrick and Torralba (ECCV 2014, section 3.2: low frequencies, magnitudes only). It is
applied to each part instead of the whole video, and its scale does not depend on the frame rate.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from data.store.arrays import Bools, Floats, Singles
from extractors.signals import spans_between
from extractors.timesteps.channels import Channels

LEAST_STEP_S = 1e-6  # rows closer in time than this give no rate of change
_HUGE = 1e30  # nothing measured is larger; keeps float32 finite
Statistics = Literal["mean", "mean_std_absdiff", "samples", "dct"]


def overlap(cells: Floats, part: Floats) -> Floats:
    """(row,) seconds of overlap of each of the (row, 2) cells with the part (2,)."""
    return np.asarray(np.maximum(np.minimum(cells[:, 1], part[1]) - np.maximum(cells[:, 0], part[0]), 0.0))


def step_features(
    channels: Channels, bounds: Floats, kind: Statistics, k: int, least: float
) -> tuple[tuple[str, ...], Singles, Bools]:
    """Names `<channel>.<statistic>`, values (step, feature) and mask (step,) of an agent's rows in each part.

    A step is masked (false, values 0) if the agent is present for less than the share `least` of its time. A channel
    with values for less than that share of an unmasked step is interpolated linearly between the nearest steps with
    values. A channel without values is 0.

    Args:
        bounds: (step, 2) seconds.
        k: number of samples or coefficients.
        least: share of the step's time, 0..1.
    """
    cells = channels.cells()
    present = channels.present.astype(np.float64)
    length = np.maximum(bounds[:, 1] - bounds[:, 0], 1e-12)
    share = np.array([overlap(cells, part) @ present for part in bounds]) / length
    mask = (share >= least) & (share > 0)
    names = tuple(f"{name}.{stat}" for name in channels.names for stat in statistic_names(kind, k))
    tables = [_part(channels, cells, part, kind, k) for part in bounds]
    values = np.stack([value for value, _ in tables])
    seconds = np.stack([part_seconds for _, part_seconds in tables])
    enough = (seconds >= least * length[:, None, None]) & (seconds > 0)
    centre = bounds.mean(axis=1)
    flat = _interpolate(centre, values.reshape(len(bounds), len(names)), enough.reshape(len(bounds), len(names)))
    finite = np.where(mask[:, None], np.nan_to_num(flat), 0.0).clip(-_HUGE, _HUGE)
    return names, finite.astype(np.float32), mask


def statistic_names(kind: Statistics, k: int) -> tuple[str, ...]:
    """Suffixes of the features of a channel."""
    if kind == "mean":
        return ("mean",)
    if kind == "mean_std_absdiff":
        return ("mean", "std", "absdiff")
    return tuple(f"{'at' if kind == 'samples' else 'dct'}{i}" for i in range(k))


def average_steps(rows: Floats, spans: Floats, bounds: Floats) -> Floats:
    """(step, channel) averages over parts (step, 2) of rows (row, channel), each with its span (row, 2) in seconds.

    The weights are the seconds of overlap. A part without overlap takes the row whose middle is nearest.
    Example: with five clips over 10 s and ten parts of 1 s, each clip is used in two parts.
    """
    out = np.zeros((len(bounds), rows.shape[1]))
    for step, part in enumerate(bounds):
        weight = overlap(spans, part)
        if weight.sum() <= 0:
            weight = np.zeros(len(rows))
            weight[np.argmin(np.abs(spans.mean(axis=1) - part.mean()))] = 1.0
        out[step] = weight @ rows / weight.sum()
    return out


def _part(channels: Channels, cells: Floats, part: Floats, kind: Statistics, k: int) -> tuple[Floats, Floats]:
    """Values (channel, statistic) over one part, and the seconds (channel, statistic) of their data."""
    seconds = overlap(cells, part)
    rows = np.flatnonzero(seconds > 0)
    trust, values = channels.weight[rows], channels.values[rows]
    weight = trust * seconds[rows, None]
    valued_s = (trust > 0).T @ seconds[rows]
    total = weight.sum(axis=0)
    safe = np.where(total > 0, total, 1.0)
    mean = (weight * values).sum(axis=0) / safe
    apart = np.where(weight > 0, values - mean, 0.0)
    if kind == "mean":
        return mean[:, None], valued_s[:, None]
    if kind == "samples":
        return _samples(channels, part, k), np.repeat(valued_s[:, None], k, axis=1)
    if kind == "dct":
        waves = _cosines(cells[rows], part, k)
        higher = np.sqrt(2.0) * np.abs(np.einsum("rc,rk->ck", trust * apart, waves)) / safe[:, None]
        return np.concatenate([np.abs(mean)[:, None], higher], axis=1), np.repeat(valued_s[:, None], k, axis=1)
    std = np.sqrt((weight * np.square(apart)).sum(axis=0) / safe)
    rate, rated = _absolute_rate(channels, part)
    return np.stack([mean, std, rate], axis=1), np.stack([valued_s, valued_s, rated], axis=1)


def _absolute_rate(channels: Channels, part: Floats) -> tuple[Floats, Floats]:
    """Mean of abs(dx/dt) (channel,) between rows that both have a value, and the seconds of its data."""
    step = np.diff(channels.time)
    pairs = spans_between(channels.time)
    seconds = overlap(pairs, part) if len(step) else np.zeros(0)
    rows = np.flatnonzero((seconds > 0) & (step > LEAST_STEP_S))
    pair_weight = np.minimum(channels.weight[rows], channels.weight[rows + 1])
    rate = np.abs(channels.values[rows + 1] - channels.values[rows]) / step[rows, None]
    weight = pair_weight * seconds[rows, None]
    total = weight.sum(axis=0)
    return (weight * rate).sum(axis=0) / np.where(total > 0, total, 1.0), (pair_weight > 0).T @ seconds[rows]


def _samples(channels: Channels, part: Floats, k: int) -> Floats:
    """(channel, k) values at the middles of k equal pieces of the part."""
    edges = np.linspace(part[0], part[1], k + 1)
    instants = (edges[:-1] + edges[1:]) / 2
    out = np.zeros((len(channels.names), k))
    for channel in range(len(channels.names)):
        valued = channels.weight[:, channel] > 0
        if valued.any():
            out[channel] = np.interp(instants, channels.time[valued], channels.values[valued, channel])
    return out


def _cosines(cells: Floats, part: Floats, k: int) -> Floats:
    """(row, k - 1) integral in seconds of cos(pi j s) over the overlap of each row's cell with the part."""
    length = part[1] - part[0]
    ends = (np.clip(cells, part[0], part[1]) - part[0]) / length
    order = np.pi * np.arange(1, k)
    waves = np.sin(order * ends[:, 1:]) - np.sin(order * ends[:, :1])
    return np.asarray(waves * length / order)


def _interpolate(time: Floats, values: Floats, valid: Bools) -> Floats:
    """Fill entries that are not `valid`: per column linearly between valid ones, constant beyond, 0 without any."""
    out = np.where(valid, values, 0.0)
    for column in np.flatnonzero(~valid.all(axis=0) & valid.any(axis=0)):
        rows = valid[:, column]
        out[:, column] = np.interp(time, time[rows], values[rows, column])
    return out
