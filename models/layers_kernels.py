"""Compiled inner loops of the stacked networks on a CPU (`models/layers.py`, `models/fusion.py`), float32.

Each needs one pass over memory where torch needs five to fourteen: at the sizes of the paper a plain loop loses its
time on these passes. Arrays are C-contiguous. The GPU path does not use this module.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.numba_cpu import compiler

Array = NDArray[np.float32]

ONE = np.float32(1)

compiled = compiler(fastmath={"contract", "reassoc", "nsz"})


@compiled
def lstm_backward(
    t: int,
    gates: Array,
    cells: Array,
    squashed: Array,
    grad_hidden: Array,
    grad_cell: Array,
    grad_gates: Array,
    work: Array,
) -> None:
    """Step `t` of an LSTM's derivative. Short loops over few arrays compile to vector code.

    Args:
        t: the step. gates: (M, T, B, 4d) activated. cells, squashed: (M, T, B, d) cell states and their tanh.
        grad_hidden: (M, B, d) gradient of the hidden state of step `t`.
        grad_cell: (M, B, d) gradient of the cell from the step after; becomes that for the step before.
        grad_gates: (M, T, B, 4d) gradient of the raw gates; step `t` is written. work: (d,) to calculate in.
    """
    members, _, batch, width = cells.shape
    for m in range(members):
        for b in range(batch):
            act, tanh, out = gates[m, t, b], squashed[m, t, b], grad_gates[m, t, b]
            i, f, g, o = act[:width], act[width : 2 * width], act[2 * width : 3 * width], act[3 * width :]
            slope, carried = grad_hidden[m, b], grad_cell[m, b]
            to_i, to_f, to_g, to_o = out[:width], out[width : 2 * width], out[2 * width : 3 * width], out[3 * width :]
            for j in range(width):
                work[j] = slope[j] * o[j] * (ONE - tanh[j] * tanh[j]) + carried[j]
            for j in range(width):
                to_o[j] = slope[j] * tanh[j] * o[j] * (ONE - o[j])
            for j in range(width):
                to_i[j] = work[j] * g[j] * i[j] * (ONE - i[j])
            for j in range(width):
                to_g[j] = work[j] * i[j] * (ONE - g[j] * g[j])
            if t == 0:
                to_f[:] = 0
                continue
            before = cells[m, t - 1, b]
            for j in range(width):
                to_f[j] = work[j] * before[j] * f[j] * (ONE - f[j])
            for j in range(width):
                carried[j] = work[j] * f[j]


@compiled
def attention_forward(scene: Array, agents: Array, key: Array, fused: Array, weights: Array) -> None:
    """Equations 4 and 5 of the paper on rows: X, Y, O (n, d) to Z (n, d) and W (n, 2)."""
    rows, width = scene.shape
    for r in range(rows):
        x, y, k, z = scene[r], agents[r], key[r], fused[r]
        apart = np.float32(0)
        for j in range(width):
            apart += (x[j] - y[j]) * k[j]
        share = np.float32(1 / (1 + np.exp(-np.float64(apart))))
        weights[r, 0], weights[r, 1] = share, ONE - share
        for j in range(width):
            z[j] = share * x[j] + (ONE - share) * y[j]


@compiled
def attention_backward(
    scene: Array,
    agents: Array,
    key: Array,
    weights: Array,
    grad: Array,
    for_scene: Array,
    for_agents: Array,
    for_key: Array,
) -> None:
    """Gradients for X, Y and O (n, d), from that for Z."""
    rows, width = scene.shape
    for r in range(rows):
        x, y, k, g = scene[r], agents[r], key[r], grad[r]
        a, b = weights[r, 0], weights[r, 1]
        pull = np.float32(0)
        for j in range(width):
            pull += g[j] * (x[j] - y[j])
        pull *= a * b
        to_x, to_y, to_k = for_scene[r], for_agents[r], for_key[r]
        for j in range(width):
            to_x[j] = a * g[j] + pull * k[j]
        for j in range(width):
            to_y[j] = b * g[j] - pull * k[j]
        for j in range(width):
            to_k[j] = pull * (x[j] - y[j])
