"""Draws people: each body part is the hull of a few circles, with a dark rim and a lit side, in order of depth.

Coordinates are continuous pixels: (0, 0) is the outer corner of the first pixel, (0.5, 0.5) its middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.store.arrays import Floats
from synthetic.body import P

Image = NDArray[np.uint8]
Colour = tuple[float, float, float]

FINER = 3  # people are drawn this many times larger and averaged down, which smooths their edges
FRACTION_BITS = 4
CORNERS = 10

LAYERS = ((0.0, 0.0, 0.66), (0.14, 0.09, 0.82), (0.36, 0.22, 0.97), (0.64, 0.36, 1.08))
"""(shrink, shift towards the light, brightness) of the shading steps, as shares of each circle's radius."""

LIGHT = np.array([-0.45, -0.89])  # direction to the light in the picture


@dataclass(frozen=True)
class Appearance:
    """Colours (RGB 0..255) and dress of a diver: `trunks` is short trunks, else a one-piece suit."""

    skin: Colour
    hair: Colour
    suit: Colour
    trunks: bool
    bun: bool

    @property
    def shadow(self) -> Colour:
        """Skin in the hollows of the body."""
        return _shade(self.skin, 0.80)


@dataclass(frozen=True)
class _Part:
    """Circles whose hull is painted.

    A `joined` part continues another at its first circle, without a rim there. A part with a `side` is visible only
    when the chest faces the camera (+1) or faces away (-1).
    """

    circles: tuple[tuple[str, float], ...]
    paint: str
    joined: bool = False
    side: int = 0


def _both(*circles: tuple[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple((f"{side}_{name}", radius) for name, radius in circles for side in ("left", "right"))


_LIMBS = (
    ((("ankle", 0.038), ("heel", 0.032), ("toe", 0.020)),),
    ((("knee", 0.050), ("calf", 0.056), ("ankle", 0.036)),),
    ((("hip", 0.086), ("knee", 0.056)),),
    ((("shoulder", 0.053), ("elbow", 0.040)),),
    ((("elbow", 0.041), ("wrist", 0.028)), (("wrist", 0.029), ("hand", 0.018))),
)
"""Circles of the parts of each limb, as drawn together."""


def _groups(appearance: Appearance) -> tuple[tuple[_Part, ...], ...]:
    """Groups of parts at the same depth."""
    chest = _Part((*_both(("waist", 0.088), ("chest", 0.098), ("shoulder", 0.052)), ("neck", 0.058)), "skin")
    upper = "skin" if appearance.trunks else "suit"
    suit = _Part(_both(("waist", 0.090), ("chest", 0.100), ("strap", 0.030)), upper)
    pelvis: tuple[_Part, ...] = (_Part(_both(("hip", 0.092), ("waist", 0.088)), upper),)
    if appearance.trunks:
        pelvis += (_Part((*_both(("hip", 0.095)), ("pelvis", 0.115)), "suit"),)
    limbs = [
        tuple(_Part(tuple((f"{side}_{name}", radius) for name, radius in one), "skin", joined=True) for one in limb)
        for side in ("left", "right")
        for limb in _LIMBS
    ]
    neck = (_Part((("neck", 0.056), ("throat", 0.050)), "skin", joined=True),)
    hair = (_Part((("hair", 0.100), ("head", 0.092)), "hair"),)
    face = (_Part((("face", 0.076), ("head", 0.078)), "skin"),)
    bun = ((_Part((("bun", 0.045),), "hair"),),) if appearance.bun else ()
    return (pelvis, (chest, suit, *_marks(appearance)), *limbs, neck, hair, face, *bun)


def _marks(appearance: Appearance) -> tuple[_Part, ...]:
    """Marks that distinguish the front of a trunk from its back."""
    if not appearance.trunks:
        return (_Part((*_both(("blade", 0.048)), ("back_high", 0.045), ("back_low", 0.040)), "skin", side=-1),)
    return (
        _Part((("back_high", 0.010), ("back_low", 0.012)), "shadow", side=-1),
        _Part(_both(("pec", 0.008)), "shadow", side=1),
        _Part((("navel", 0.011),), "shadow", side=1),
    )


class RenderedPerson:
    """One person over a whole clip, ready to be drawn frame by frame.

    Args:
        pixels: (F, P, 2) points in pixels.
        depth: (F, P) metres towards the camera.
        scale: (F,) pixels per metre.
        facing: (F,) direction of the face, -1 (away) to 1 (towards the camera).
    """

    def __init__(self, pixels: Floats, depth: Floats, scale: Floats, facing: Floats, appearance: Appearance) -> None:
        self.pixels, self.scale, self.facing, self.appearance = pixels, scale, facing, appearance
        margin = 0.14 * scale[:, None]
        self.low, self.high = pixels.min(axis=1) - margin, pixels.max(axis=1) + margin
        groups = _groups(appearance)
        self._outlines = [[(part, self._outline(part)) for part in group] for group in groups]
        members = [[P[name] for part in group for name, _ in part.circles] for group in groups]
        depths = np.stack([depth[:, member].mean(axis=1) for member in members], axis=1)
        first = {group[0].circles[0][0]: index for index, group in enumerate(groups)}
        self._face = first["face"]
        over = np.minimum(depths[:, first["face"]], depths[:, first["hair"]])
        depths[:, first["neck"]] = np.minimum(depths[:, first["neck"]], over - 1e-3)
        self._turned = np.sign(depth[:, P["navel"]] - depth[:, P["back_low"]]).astype(int)
        self._order = np.argsort(depths, axis=1, kind="stable")

    def _outline(self, part: _Part) -> Floats:
        """(F, layers, circles x corners, 2) pixels on the rims of the part's circles."""
        middle = self.pixels[:, [P[name] for name, _ in part.circles]]
        radius = self.scale[:, None] * np.array([radius for _, radius in part.circles])
        angle = np.arange(CORNERS) * (2 * np.pi / CORNERS)
        rim = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        shrink, shift = (np.repeat(np.array(LAYERS)[:, k, None], len(part.circles), axis=1) for k in (0, 1))
        if part.joined:
            shrink[:3, 0] = 0.08, 0.18, 0.34
        centres = middle[:, None] + (radius[:, None] * shift)[..., None] * LIGHT
        radii = radius[:, None] * (1 - shrink)
        out = centres[:, :, :, None] + radii[..., None, None] * rim
        return np.asarray(out.reshape(len(middle), len(LAYERS), -1, 2))

    def draw(self, image: Image, frame: int, water: float | None = None) -> None:
        """Draw the person of `frame` into `image`; parts below row `water` are only faintly visible."""
        height, width = image.shape[:2]
        x0, y0 = np.clip(np.floor(self.low[frame]), 0, (width, height)).astype(int)
        x1, y1 = np.clip(np.ceil(self.high[frame]), 0, (width, height)).astype(int)
        if x1 <= x0 or y1 <= y0:
            return
        under = image[y0:y1, x0:x1].copy()
        fine = cv2.resize(under, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_NEAREST)
        self._paint(fine, frame, np.array([x0, y0]))
        drawn = cv2.resize(fine, (int(x1 - x0), int(y1 - y0)), interpolation=cv2.INTER_AREA)
        if water is not None and water < y1:
            row = max(round(water) - int(y0), 0)
            if row < len(drawn):  # the rounded water level can be below the last row
                drawn[row:] = cv2.addWeighted(under[row:], 0.88, drawn[row:], 0.12, 0.0)
        image[y0:y1, x0:x1] = drawn

    def _paint(self, fine: Image, frame: int, origin: NDArray[np.int64]) -> None:
        for group in self._order[frame]:
            for part, outline in self._outlines[group]:
                if part.side not in (0, self._turned[frame]):
                    continue
                base: Colour = getattr(self.appearance, part.paint)
                corners = _fixed((outline[frame] - origin) * FINER)
                for layer, (_, _, bright) in zip(corners, LAYERS, strict=True):
                    cv2.fillConvexPoly(fine, cv2.convexHull(layer), _shade(base, bright), cv2.LINE_8, FRACTION_BITS)
            if group == self._face and self.facing[frame] > 0.1:
                self._features(fine, frame, origin)

    def _features(self, fine: Image, frame: int, origin: NDArray[np.int64]) -> None:
        """Draw eyes, nose and mouth."""
        places = self.pixels[frame, [P[name] for name in ("left_eye", "right_eye", "nose", "head")]]
        left, right, nose, head = (places - origin) * FINER
        mouth = nose + 0.9 * (nose - (left + right) / 2) + 0.15 * (head - nose)
        size, skin = self.scale[frame] * FINER, self.appearance.skin
        eye = 0.013, 0.30
        for place, (share, bright) in ((left, eye), (right, eye), (nose, (0.014, 0.72)), (mouth, (0.016, 0.55))):
            (x, y), radius = _fixed(place).tolist(), int(share * size * (1 << FRACTION_BITS))
            cv2.circle(fine, (x, y), radius, _shade(skin, bright), -1, cv2.LINE_8, FRACTION_BITS)


def _fixed(points: Floats) -> NDArray[np.int32]:
    """Convert continuous pixels to OpenCV's fixed-point pixel centres."""
    return np.round((points - 0.5) * (1 << FRACTION_BITS)).astype(np.int32)


def _shade(colour: Colour, bright: float) -> Colour:
    r, g, b = (min(255.0, channel * bright) for channel in colour)
    return (r, g, b)


def draw_appearances(rng: np.random.Generator, divers: int) -> tuple[Appearance, ...]:
    """Team mates: one suit, different skin and hair."""
    suits = ((190, 25, 40), (25, 60, 160), (20, 20, 28), (230, 190, 40), (20, 120, 70), (110, 30, 120), (235, 235, 240))
    skins = ((226, 180, 150), (205, 155, 122), (180, 128, 96), (238, 196, 170), (148, 100, 74))
    hairs = ((24, 20, 20), (48, 32, 24), (92, 60, 36), (150, 112, 66))
    trunks = bool(rng.random() < 0.5)
    suit = suits[rng.integers(len(suits))]
    appearances = []
    for _ in range(divers):
        skin, hair = skins[rng.integers(len(skins))], hairs[rng.integers(len(hairs))]
        hair = hair if sum(hair) < 0.5 * sum(skin) else hairs[0]
        appearances.append(Appearance(skin, hair, suit, trunks, not trunks))
    return tuple(appearances)
