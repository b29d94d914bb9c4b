"""Slow twins of the kernels: NumPy and plain Python that a reader believes at sight."""

from __future__ import annotations

import numpy as np

M32 = 0xFFFFFFFF


def hash3(x: int, y: int, turn: int, seed: int) -> int:
    h = x * 0x9E3779B1 % 2**32
    h = (h ^ y) * 0x85EBCA6B % 2**32
    h = (h ^ (h >> 15) ^ turn) * 0xC2B2AE35 % 2**32
    h = (h ^ (h >> 13) ^ seed) * 0x27D4EB2F % 2**32
    h = (h ^ (h >> 16)) * 0x85EBCA6B % 2**32
    return h ^ (h >> 13)


def patch(features: np.ndarray, x: int, y: int, size: int, pad: int) -> np.ndarray:
    """The size x size patch around pixel (x, y) of features that have a border of `pad`."""
    half = size // 2
    rows = slice(y + pad - half, y + pad + half + 1)
    return features[rows, x + pad - half : x + pad + half + 1].astype(np.int64)


def patch_cost(target, source, factors, here, there, size, pad) -> int:
    """Squared differences of two patches; `factors` (or None) as multipliers in 65536ths."""
    difference = patch(target, *here, size, pad) - patch(source, *there, size, pad)
    if factors is not None:
        difference = (difference * patch(factors, *here, size, pad)) >> 16
    return int((difference**2).sum())


def field_costs(target, source, factors, matches, busy, size, pad) -> np.ndarray:
    costs = np.zeros(matches.shape[:2], np.float32)
    for y, x in np.argwhere(busy):
        costs[y, x] = patch_cost(target, source, factors, (x, y), matches[y, x], size, pad)
    return costs


def crowd(matches: np.ndarray, shape: tuple[int, int], size: int) -> np.ndarray:
    """How many matched patches cover each source pixel."""
    half = size // 2
    wide = np.zeros((shape[0] + 2 * half, shape[1] + 2 * half), np.int32)
    for x, y in matches[matches[..., 0] >= 0]:
        wide[y : y + size, x : x + size] += 1
    return wide[half : half + shape[0], half : half + shape[1]]


def guide_leaf(values, wanted, tolerance, enough, deepest) -> list[int]:
    """Rows of `values` left when their widest range is halved again and again towards `wanted`."""
    rows = np.arange(len(values))
    for _ in range(deepest):
        held = values[rows].astype(int)
        ranges = np.ptp(held, axis=0)
        axis = int(ranges.argmax())
        if len(rows) <= enough or ranges[axis] <= tolerance:
            break
        cut = (held[:, axis].min() + held[:, axis].max()) // 2
        rows = rows[(held[:, axis] > cut) == (wanted[axis] > cut)]
    return [int(row) for row in rows]


def halve(fine: np.ndarray) -> np.ndarray:
    """Half the size: half a 2 x 2 mean, half its top left pixel, rounded; odd edges repeat."""
    height, width = fine.shape[:2]
    even = np.pad(fine.astype(np.float64), ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    mean = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    return np.floor((mean + even[::2, ::2]) / 2 + 0.5).astype(fine.dtype)


def vote(matches, weight, style, usable, size) -> np.ndarray:
    """Every pixel the weighted mean of what the patches covering it hold there; NaN where none does."""
    height, width = matches.shape[:2]
    half = size // 2
    picture = np.full((height, width, style.shape[2]), np.nan)
    for y in range(height):
        for x in range(width):
            colors, masses = [], []
            for v in range(max(y - half, 0), min(y + half + 1, height)):
                for u in range(max(x - half, 0), min(x + half + 1, width)):
                    if matches[v, u, 0] < 0:
                        continue
                    sx, sy = matches[v, u, 0] + x - u, matches[v, u, 1] + y - v
                    if 0 <= sx < style.shape[1] and 0 <= sy < style.shape[0] and usable[sy, sx]:
                        colors.append(style[sy, sx].astype(np.float64))
                        masses.append(float(weight[v, u]))
            if masses:
                picture[y, x] = np.average(colors, axis=0, weights=masses)
    return picture


def best_costs(target, source, size, pad) -> np.ndarray:
    """The least cost that any source place gives each target pixel, by trying them all."""
    height, width = target.shape[0] - 2 * pad, target.shape[1] - 2 * pad
    s_height, s_width = source.shape[0] - 2 * pad, source.shape[1] - 2 * pad
    costs = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            costs[y, x] = min(
                patch_cost(target, source, None, (x, y), (u, v), size, pad)
                for v in range(s_height)
                for u in range(s_width)
            )
    return costs


def normal_equations(frame, warped, shift, robust) -> np.ndarray:
    """Structure tensor, right-hand side and robust weight of every pixel, summed over channels."""
    f, g = frame.astype(np.float64), warped.astype(np.float64)
    smooth, slope = np.array([1, 2, 1]), np.array([-1, 0, 1])
    wide = np.pad((f + g) / 2, ((1, 1), (1, 1), (0, 0)), mode="edge")
    h, w = f.shape[:2]
    gx, gy = np.zeros_like(f), np.zeros_like(f)
    for j in range(3):
        for i in range(3):
            part = wide[j : j + h, i : i + w]
            gx += smooth[j] * slope[i] * part / 8
            gy += slope[j] * smooth[i] * part / 8
    d = g + shift - f
    weight = 1 / (1 + (np.abs(d).max(-1) / robust) ** 2)
    sums = [(gx * gx).sum(-1), (gx * gy).sum(-1), (gy * gy).sum(-1), (gx * d).sum(-1), (gy * d).sum(-1)]
    return np.dstack([s * weight for s in sums] + [weight])


def motion_edges(flow, reach, step) -> tuple[np.ndarray, np.ndarray]:
    """Feedback from the left and from above; 0 at the border."""
    flow = flow.astype(np.float64)
    across, down = np.zeros(flow.shape[:2]), np.zeros(flow.shape[:2])
    across[:, 1:] = np.abs(np.diff(flow, axis=1)).sum(-1)
    down[1:] = np.abs(np.diff(flow, axis=0)).sum(-1)
    feedback = [np.exp(-np.sqrt(2) / reach * (1 + d * reach / step)) for d in (across, down)]
    feedback[0][:, 0] = 0
    feedback[1][0] = 0
    return feedback[0], feedback[1]


def filter_rows(data, across) -> np.ndarray:
    """Mix every value with its left neighbor's result, then with its right neighbor's."""
    out = data.astype(np.float64)
    for x in range(1, out.shape[1]):
        a = across[:, x, None]
        out[:, x] = (1 - a) * out[:, x] + a * out[:, x - 1]
    for x in reversed(range(out.shape[1] - 1)):
        a = across[:, x + 1, None]
        out[:, x] = (1 - a) * out[:, x] + a * out[:, x + 1]
    return out


def solve(sums, damping, limit) -> np.ndarray:
    """The step that solves the damped 2 x 2 system of every pixel, clipped."""
    step = np.zeros((*sums.shape[:2], 2))
    for y, x in np.ndindex(sums.shape[:2]):
        a, b, c, p, q = sums[y, x, :5].astype(np.float64)
        step[y, x] = np.linalg.solve([[a + damping, b], [b, c + damping]], [-p, -q])
    return np.clip(step, -limit, limit)


def likeness(frame, y, x) -> np.ndarray:
    """Weights, 0 to 255, of a 5 x 5 window by color likeness to its center; none beyond the frame."""
    weights = np.zeros((5, 5))
    for j, i in np.ndindex(5, 5):
        yy, xx = y + j - 2, x + i - 2
        if 0 <= yy < frame.shape[0] and 0 <= xx < frame.shape[1]:
            d = np.abs(frame[yy, xx].astype(float) - frame[y, x]).sum()
            weights[j, i] = np.rint(255 * np.exp(-d / 60))
    return weights


def window_cost(frame, key, y, x, u, v, weights) -> float:
    """Truncated color difference of two 5 x 5 windows, (u, v) apart; outside the key it is the most."""
    h, w = frame.shape[:2]
    total = 0.0
    for j, i in np.ndindex(5, 5):
        yy, xx = y + j - 2, x + i - 2
        d = 100.0
        if 0 <= yy < h and 0 <= xx < w and 0 <= yy + v < h and 0 <= xx + u < w:
            d = min(d, np.abs(key[yy + v, xx + u].astype(float) - frame[yy, xx]).sum())
        total += weights[j, i] * d
    return total


def try_neighbors(frame, key, flow, where, steps, bias) -> np.ndarray:
    """At the pixels of `where`, the best of the own flow and that of the pixels `steps` away."""
    h, w = flow.shape[:2]
    out = flow.copy()
    for y, x in np.argwhere(where):
        weights = likeness(frame, y, x)
        u, v = np.rint(flow[y, x]).astype(int)
        best = window_cost(frame, key, y, x, u, v, weights) - bias * weights.sum()
        for reach in steps.astype(int):
            for sy, sx in [(j, i) for j in (-1, 0, 1) for i in (-1, 0, 1) if i or j]:
                yy, xx = min(max(y + sy * reach, 0), h - 1), min(max(x + sx * reach, 0), w - 1)
                if min(np.abs(flow[yy, xx] - known).sum() for known in (flow[y, x], out[y, x])) < 1:
                    continue
                u, v = np.rint(flow[yy, xx]).astype(int)
                cost = window_cost(frame, key, y, x, u, v, weights)
                if cost < best:
                    best, out[y, x] = cost, flow[yy, xx]
    return out


def flow_vote(picture, flow, left, where) -> np.ndarray:
    """Mean over a 5 x 5 window of what each neighbor's flow fetches, weighted by how well it fits."""
    h, w = where.shape
    out = np.zeros(picture.shape)
    for y, x in np.argwhere(where):
        colors, weights = [], []
        for v in range(max(y - 2, 0), min(y + 3, h)):
            for u in range(max(x - 2, 0), min(x + 3, w)):
                fx, fy = np.clip(np.add((x, y), flow[v, u], dtype=np.float64), 0, (w - 1, h - 1))
                (ix, ax), (iy, ay) = (int(fx), fx % 1), (int(fy), fy % 1)
                jx, jy = min(ix + 1, w - 1), min(iy + 1, h - 1)
                top = (1 - ax) * picture[iy, ix] + ax * picture[iy, jx]
                low = (1 - ax) * picture[jy, ix] + ax * picture[jy, jx]
                colors.append((1 - ay) * top + ay * low)
                weights.append(np.exp(-left[v, u] / 4))
        out[y, x] = np.average(colors, axis=0, weights=weights)
    return out
