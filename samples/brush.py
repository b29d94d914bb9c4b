"""A picture painted in bristle strokes along a field of directions: makes `style.png`.

The layering, broad brushes first and finer ones only where they mend something, is Hertzmann (1998),
"Painterly Rendering with Curved Brush Strokes of Multiple Sizes"; the scene and the bristles are drawn here.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def noise(size: tuple[int, int], cell: float, rng: np.random.Generator) -> F32:
    """Smooth noise, about -1 to 1, with features of `cell` pixels."""
    height, width = size
    coarse = rng.standard_normal((int(height / cell) + 4, int(width / cell) + 4)).astype(np.float32)
    grown = cv2.resize(coarse, (width + int(3 * cell), height + int(3 * cell)), interpolation=cv2.INTER_CUBIC)
    return grown[:height, :width]


def mix(stops: list[tuple[float, tuple[int, int, int]]], at: F32) -> F32:
    """Color ramp through `stops` (position, RGB) at each value of `at`."""
    places = [place for place, _ in stops]
    return np.dstack([np.interp(at, places, [color[c] for _, color in stops]) for c in range(3)]).astype(np.float32)


def evening(size: tuple[int, int], rng: np.random.Generator) -> tuple[F32, F32]:
    """Draw an evening over a bay: the motif, float32 RGB 0..255, and its strokes' directions in radians."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / height, x / height
    sun = (1.02, 0.40)
    away = np.hypot(x - sun[0], (y - sun[1]) * 1.25)
    swirl = noise(size, 70, rng) * 0.07 + noise(size, 30, rng) * 0.03
    sky = mix(
        [
            (0.00, (255, 243, 205)),
            (0.09, (254, 221, 150)),
            (0.22, (246, 174, 112)),
            (0.38, (222, 126, 104)),
            (0.55, (176, 118, 140)),
            (0.75, (96, 116, 172)),
            (1.00, (44, 72, 140)),
            (1.25, (24, 40, 92)),
        ],
        away + swirl,
    )
    clouds = np.clip(noise(size, 90, rng) + 0.6 * noise(size, 36, rng) - 0.25 - 2.2 * (y - 0.18), 0, 1)[..., None]
    lit = mix([(0, (255, 236, 214)), (0.5, (248, 190, 160)), (1.1, (150, 140, 190))], away)
    picture = sky * (1 - 0.75 * clouds) + lit * 0.75 * clouds
    angle = np.arctan2(y - sun[1], x - sun[0]) + np.pi / 2 + 0.5 * noise(size, 80, rng)

    far = 0.44 + 0.035 * np.sin(5.0 * x + 1) + 0.018 * np.sin(13 * x) + 0.006 * noise(size, 12, rng)
    hills = mix([(0.0, (120, 104, 150)), (0.08, (92, 92, 140))], y - far)
    picture = np.where((y > far)[..., None], hills, picture)
    angle = np.where(y > far, 0.25 * np.cos(5.0 * x + 1), angle)
    near = 0.50 + 0.05 * np.sin(2.6 * x + 2.4) + 0.012 * np.sin(17 * x) + 0.008 * noise(size, 9, rng)
    woods = mix([(-1.5, (30, 52, 58)), (0, (44, 84, 72)), (1.5, (88, 118, 66))], noise(size, 22, rng))
    picture = np.where((y > near)[..., None], woods, picture)
    angle = np.where(y > near, np.pi / 2 + 0.7 * noise(size, 26, rng), angle)

    shore = 0.565 + 0.008 * np.sin(7 * x)
    depth = np.maximum((y - shore) / (1 - shore), 0)
    ripple = noise((height, width), 46, rng) * 0.5 + np.sin(90 * depth**0.6 + 5 * noise(size, 60, rng)) * 0.5
    glint = np.exp(-(((x - sun[0]) / (0.07 + 0.25 * depth)) ** 2)) * (0.75 + 0.35 * ripple)
    bay = mix(
        [
            (0.0, (232, 168, 128)),
            (0.2, (150, 138, 160)),
            (0.5, (70, 112, 160)),
            (0.8, (30, 76, 122)),
            (1.1, (18, 44, 84)),
        ],
        depth + 0.14 * ripple,
    )
    bay = bay + np.clip(glint, 0, 1)[..., None] * (np.array([255, 226, 164], np.float32) - bay) * 0.85
    water = y > shore
    picture = np.where(water[..., None], bay, picture)
    angle = np.where(water, 0.12 * noise(size, 40, rng), angle)

    bank = 0.93 - 0.34 * np.clip(0.62 - x, 0, 1) ** 0.8 + 0.02 * np.sin(9 * x) + 0.008 * noise(size, 10, rng)
    meadow = mix(
        [
            (-1.4, (58, 54, 30)),
            (-0.4, (112, 104, 44)),
            (0.3, (168, 140, 62)),
            (1.0, (214, 168, 84)),
            (1.7, (226, 120, 70)),
        ],
        noise(size, 26, rng) + 0.5 * noise(size, 9, rng),
    )
    picture = np.where((y > bank)[..., None], meadow, picture)
    angle = np.where(y > bank, -1.15 + 0.5 * noise(size, 30, rng), angle)

    for center, crown in ((0.17, 0.20), (0.34, 0.14)):
        trunk = np.abs(x - center - 0.02 * np.sin(14 * y)) < 0.010 + 0.012 * (y - 0.3)
        stem = trunk & (y > 0.30) & (y < 0.80 - 0.1 * center)
        picture = np.where(stem[..., None], mix([(-1, (40, 22, 20)), (1, (108, 62, 44))], noise(size, 8, rng)), picture)
        angle = np.where(stem, np.pi / 2, angle)
        round_ = np.hypot((x - center) / crown, (y - 0.27 - 0.3 * center) / (crown * 1.05)) + 0.22 * noise(
            size, 24, rng
        )
        leaves = mix(
            [
                (-0.9, (28, 26, 30)),
                (-0.2, (104, 34, 36)),
                (0.4, (190, 68, 40)),
                (1.0, (236, 142, 62)),
                (1.6, (250, 204, 120)),
            ],
            0.8 * noise(size, 16, rng) + 1.4 * (x - center) / crown - 0.8 * (y - 0.32) / crown,
        )
        leafy = (round_ < 1) & (np.hypot((x - center) / crown, (y - 0.27 - 0.3 * center) / crown) < 1.25)
        picture = np.where(leafy[..., None], leaves, picture)
        angle = np.where(leafy, 0.9 + 0.9 * noise(size, 24, rng), angle)
    disc = np.hypot(x - sun[0], y - sun[1])
    picture = np.where((disc < 0.045)[..., None], np.array([255, 250, 226], np.float32), picture)
    return picture.astype(np.float32), angle.astype(np.float32)


def stroke_path(start: tuple[float, float], angle: F32, steps: int, step: float) -> NDArray[np.float64]:
    """Follow the directions from `start` both ways: float64 (2 steps + 1, 2) of (x, y)."""
    height, width = angle.shape
    halves = []
    for sign in (-1.0, 1.0):
        point = np.array(start)
        heading = np.zeros(2)
        half = []
        for _ in range(steps):
            at = angle[int(np.clip(point[1], 0, height - 1)), int(np.clip(point[0], 0, width - 1))]
            move = sign * np.array([np.cos(at), np.sin(at)])
            if heading @ move < 0:
                move = -move
            heading = 0.5 * heading + move
            heading /= np.linalg.norm(heading)
            point = point + heading * step
            half.append(point)
        halves.append(half)
    return np.array([*halves[0][::-1], start, *halves[1]])


def paint(picture: F32, angle: F32, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Paint `picture` in strokes along `angle`, broad brushes first, and light the relief of the paint."""
    height, width = angle.shape
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = (196, 150, 110)
    relief = np.zeros((height, width), np.uint8)
    relief[:] = 110
    for brush, spacing, length in ((26, 9.0, 6), (15, 6.5, 6), (8, 5.2, 5), (4.5, 4.6, 4)):
        wanted = cv2.GaussianBlur(picture, (0, 0), brush * 0.22)
        rows, columns = np.mgrid[0 : height + spacing : spacing, 0 : width + spacing : spacing]
        starts = np.stack([columns.ravel(), rows.ravel()], 1) + rng.uniform(-spacing, spacing, (rows.size, 2))
        rng.shuffle(starts)
        for x, y in starts:
            row, column = int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))
            color = wanted[row, column]
            if brush < 20 and np.abs(color - canvas[row, column]).mean() < 9 + 26 / brush:
                continue
            color = np.clip(color * rng.uniform(0.94, 1.06) + rng.normal(0, 6, 3), 0, 255)
            path = stroke_path((x, y), angle, int(rng.integers(2, length + 1)), brush * 0.55)
            bristle_stroke(canvas, relief, path, brush, color, rng)
    return lit(canvas, relief)


def bristle_stroke(
    canvas: NDArray[np.uint8],
    relief: NDArray[np.uint8],
    path: NDArray[np.float64],
    brush: float,
    color: F32,
    rng: np.random.Generator,
) -> None:
    """Drag one brush along `path`: each bristle leaves its own thread of color and height."""
    along = np.gradient(path, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    count = max(int(brush / 1.5), 3)
    load = np.cumsum(rng.normal(0, 1, count))
    load = (load - load.mean()) / (load.std() + 1e-6)
    for i in rng.permutation(count):
        offset = (i / (count - 1) - 0.5) * brush
        first = int(rng.integers(0, 2))
        last = len(path) - int(rng.integers(0, 2))
        thread = (path + across * offset + rng.normal(0, 0.25, path.shape))[first:last]
        points = np.round(thread * 16).astype(np.int32).reshape(-1, 1, 2)
        shade = np.clip(color * (1 + 0.045 * load[i]) + rng.normal(0, 3), 0, 255)
        cv2.polylines(canvas, [points], False, shade.tolist(), 2, cv2.LINE_AA, 4)
        edge = 30 if i in (0, count - 1) else 0
        height = float(np.clip(120 + 34 * load[i] + edge + rng.normal(0, 14), 0, 255))
        cv2.polylines(relief, [points], False, height, 1, cv2.LINE_AA, 4)


def lit(canvas: NDArray[np.uint8], relief: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Light from the upper left over the relief of the paint."""
    height = cv2.GaussianBlur(relief.astype(np.float32), (0, 0), 0.8)
    slope = np.gradient(height)
    light = np.clip(1 + (slope[0] + slope[1]) * 0.0035, 0.86, 1.14)
    return np.clip(canvas * light[..., None], 0, 255).astype(np.uint8)


def painted_evening(width: int = 864, height: int = 576, seed: int = 7) -> NDArray[np.uint8]:
    """Make the style image: uint8 (height, width, 3) RGB."""
    rng = np.random.default_rng(seed)
    picture, angle = evening((height, width), rng)
    return paint(picture, angle, rng)
