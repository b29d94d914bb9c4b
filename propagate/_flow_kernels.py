"""Kernels of match fields: taking over neighbors' flow where it fits better, and the vote of a window.

They trust their input; `propagate.registration` and `propagate.resample` check and allocate. Each works
on rows `first` to `last` and writes only there, so results do not depend on the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from propagate._simd import WIDTH, apart8, dot8, full8, halves8, lane8, least8, load8

if TYPE_CHECKING:
    from propagate.arrays import F32, I16, I32, Bool
    from propagate.arrays import Image as Pixels

BORDER = (5, 5, 5, 8)
"""Above, below, left and right of the planes: for windows wholly outside, and for the rest of eight."""

FRAME_ENDS, KEY_ENDS = 4000, -4000
"""Beyond a frame and beyond a key: unlike any color and each other, and no sum of them leaves 16 bits."""

UNLIKE = 766
"""The first difference, summed over channels, that no two colors have."""

_TRUNCATION = 100
_FAR = 1 << 14


@njit(cache=True, nogil=True, error_model="numpy")
def lay_out(first: int, last: int, picture: Pixels, planes: I16) -> None:
    """Put rows of `picture`, (H, 3 W), inside the borders of `planes`, int16 (3, H + 10, W + 13)."""
    top, left, w = BORDER[0], BORDER[2], picture.shape[1] // 3
    for y in range(first, last):
        row = picture[y]
        for i in range(3):
            plane = planes[i, y + top]
            for x in range(w):
                plane[x + left] = row[3 * x + i]


@njit(cache=True, nogil=True, error_model="numpy")
def whole_steps(first: int, last: int, flow: F32, out: I32) -> None:
    """Put each pixel's flow, in whole pixels, into one number: down times 65536 plus right."""
    least, most = np.float32(-_FAR), np.float32(_FAR)
    for y in range(first, last):
        for x in range(out.shape[1]):
            u = np.rint(min(max(flow[y, x, 0], least), most))
            v = np.rint(min(max(flow[y, x, 1], least), most))
            out[y, x] = np.int32(v) * 65536 + np.int32(u)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def likeness(frame: I16, place: int, line: int, plane: int, table: I16, weights: I16) -> Any:
    """Fill `weights`, (5 * 8), with how like its center each color of a window is; return their sum.

    `place` is that of the window's first color in `frame`, flat planes; `table` holds the weight, 0 to 255,
    by the difference summed over channels, and 0 for `UNLIKE`. Past five of each eight, weights stay 0.
    """
    center, most = np.uint64(place + 2 * line + 2), np.int16(UNLIKE)
    green, blue = center + np.uint64(plane), center + np.uint64(2 * plane)
    r, g, b = full8(frame[center]), full8(frame[green]), full8(frame[blue])
    total = np.int32(0)
    for j in range(5):
        at = place + j * line
        d = apart8(load8(frame, at), r) + apart8(load8(frame, at + plane), g)
        d = least8(d + apart8(load8(frame, at + 2 * plane), b), most)
        for k in range(5):
            weight = table[np.uint64(lane8(d, k))]
            weights[np.uint64(WIDTH * j + k)] = weight
            total += np.int32(weight)
    return total


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def window_cost(frame: I16, key: I16, place: int, there: int, line: int, plane: int, weights: I16) -> Any:
    """Sum over windows of 5 x 5 of truncated color differences of frame and key.

    `place` and `there` are those of the windows' first colors. To end early where a sum is past the best one
    takes longer: nobody can foretell when.
    """
    most, total = np.int16(_TRUNCATION), np.int32(0)
    for j in range(5):
        a, b = place + j * line, there + j * line
        d = apart8(load8(key, b), load8(frame, a))
        d = d + apart8(load8(key, b + plane), load8(frame, a + plane))
        d = d + apart8(load8(key, b + 2 * plane), load8(frame, a + 2 * plane))
        total += dot8(least8(d, most), load8(weights, WIDTH * j))
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def try_neighbors(
    first: int,
    last: int,
    frame: I16,
    key: I16,
    flow: F32,
    whole: I32,
    where: Bool,
    steps: I32,
    bias: int,
    table: I16,
    out: F32,
) -> None:
    """At the pixels of `where`, take over the flow of a pixel some `steps` away if the colors agree better.

    Propagation of PatchMatch (Barnes et al. 2009) over longer distances and over a sub-pixel field; the
    window is weighted by color likeness to its center (Yoon and Kweon 2006) so that it does not reach across
    an object's border. A candidate has to be better by `bias` (color levels summed over channels).

    `frame` and `key` are flat planes, see `lay_out`, `whole` is what `whole_steps` makes of `flow`.
    """
    h, w = whole.shape
    line = w + BORDER[2] + BORDER[3]
    plane = line * (h + BORDER[0] + BORDER[1])
    weights = np.zeros(5 * WIDTH, np.int16)
    places = np.empty(9 * steps.shape[0] + 1, np.int64)
    steps_of, flow_of = whole.reshape(-1), flow.reshape(-1)
    for y in range(first, last):
        for x in range(w):
            best_u, best_v = flow[y, x, 0], flow[y, x, 1]
            out[y, x, 0], out[y, x, 1] = best_u, best_v
            if not where[y, x]:
                continue
            own = whole[y, x]
            count = _candidates(y, x, flow, whole, steps, places)
            if count == 0:
                continue
            place = (y + BORDER[0] - 2) * line + x + BORDER[2] - 2
            total = likeness(frame, place, line, plane, table, weights)
            there = _first_of(own, y, x, h, w, line)
            cost = window_cost(frame, key, place, there, line, plane, weights)
            best = cost - bias * total
            for j in range(count):
                i = np.uint64(places[np.uint64(j)])
                step, u, v = steps_of[i], flow_of[i + i], flow_of[i + i + np.uint64(1)]
                if step == own or abs(u - best_u) + abs(v - best_v) < np.float32(1):
                    continue
                there = _first_of(step, y, x, h, w, line)
                cost = window_cost(frame, key, place, there, line, plane, weights)
                if cost < best:
                    best, best_u, best_v, own = cost, u, v, step
            out[y, x, 0], out[y, x, 1] = best_u, best_v


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _candidates(y: int, x: int, flow: F32, whole: I32, steps: I32, places: Any) -> int:
    """Fill `places` with the pixels some `steps` away whose flow is worth a trial, and return how many.

    Neighbors mostly say the same, and the same costs the same. All are written and only some are kept: a
    branch that nobody can foretell takes longer.
    """
    h, w = whole.shape
    own, last = whole[y, x], whole[y, x]
    u, v = flow[y, x, 0], flow[y, x, 1]
    count = 0
    for j in range(steps.shape[0]):
        reach = steps[j]
        for sy in range(-1, 2):
            yy = min(max(y + sy * reach, 0), h - 1)
            for sx in range(-1, 2):
                xx = min(max(x + sx * reach, 0), w - 1)
                step = whole[yy, xx]
                apart = abs(flow[yy, xx, 0] - u) + abs(flow[yy, xx, 1] - v)
                places[np.uint64(count)] = yy * w + xx
                count += (step != own) & (step != last) & (apart >= np.float32(1))
                last = step
    return count


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _first_of(step: int, y: int, x: int, h: int, w: int, line: int) -> int:
    """Return the place in the key's planes of the first color of the window a whole step from (y, x)."""
    u = ((step + 32768) & 65535) - 32768
    v = (step - u) >> 16
    yy, xx = min(max(y + v, -3), h + 2), min(max(x + u, -3), w + 2)
    return (yy + BORDER[0] - 2) * line + xx + BORDER[2] - 2


@njit(cache=True, nogil=True, error_model="numpy")
def find_torn(first: int, last: int, flow: F32, even: F32, most: float, out: Any) -> None:
    """Say where a component of `flow` is further than `most` pixels from `even`, (2, H, W): 1 or 0."""
    limit = np.float32(most)
    for y in range(first, last):
        for x in range(flow.shape[1]):
            d = max(abs(flow[y, x, 0] - even[0, y, x]), abs(flow[y, x, 1] - even[1, y, x]))
            out[y, x] = d > limit


@njit(cache=True, nogil=True, error_model="numpy")
def take_over(first: int, last: int, where: Any, found: F32, flow: F32) -> None:
    """At the pixels of `where`, put `found`, (2, H, W), into `flow`."""
    for y in range(first, last):
        for x in range(flow.shape[1]):
            if where[y, x]:
                flow[y, x, 0] = found[0, y, x]
                flow[y, x, 1] = found[1, y, x]


@njit(cache=True, nogil=True, error_model="numpy")
def four_channels(first: int, last: int, picture: F32, out: F32) -> None:
    """Put rows of `picture`, (H, W, C), into `out`, (H + 1, (W + 1) * 4); the last ones are repeated."""
    high, wide, n = picture.shape
    for y in range(first, last):
        row, made = picture[min(y, high - 1)], out[y]
        for x in range(wide):
            for i in range(n):
                made[4 * x + i] = row[x, i]
        for i in range(n):
            made[4 * wide + i] = row[wide - 1, i]


@njit(cache=True, nogil=True, error_model="numpy")
def vote(first: int, last: int, picture: F32, flow: F32, trust: F32, where: Any, out: F32) -> None:
    """At the pixels of `where`, average what the flows of a 5 x 5 window fetch from `picture`.

    The vote of patch synthesis (Wexler et al. 2007) over a sub-pixel field: each neighbor says what stands
    here if its own flow held here too, weighted by `trust` in that flow.  `picture` is what `four_channels`
    makes; a pixel and the one beside it are eight numbers.
    """
    h, w, n = out.shape
    line = picture.shape[1]
    pixels, zero = picture.reshape(-1), np.float32(0)
    right, low = np.float32(line // 4 - 2), np.float32(picture.shape[0] - 2)
    for y in range(first, last):
        for x in range(w):
            if not where[y, x]:
                continue
            total, made = np.float32(1e-12), full8(zero)
            for yy in range(max(y - 2, 0), min(y + 3, h)):
                for xx in range(max(x - 2, 0), min(x + 3, w)):
                    fx = min(max(np.float32(x) + flow[yy, xx, 0], zero), right)
                    fy = min(max(np.float32(y) + flow[yy, xx, 1], zero), low)
                    ix, iy = int(fx), int(fy)
                    ax, ay, weight = fx - np.float32(ix), fy - np.float32(iy), trust[yy, xx]
                    total += weight
                    place = iy * line + 4 * ix
                    upper, lower = load8(pixels, place), load8(pixels, place + line)
                    both = halves8(weight - weight * ax, weight * ax)
                    made = made + both * (upper + full8(ay) * (lower - upper))
            for i in range(n):
                out[y, x, i] = (lane8(made, i) + lane8(made, i + 4)) / total
