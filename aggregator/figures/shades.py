"""The colour of a share of 0 to 100 %, and the ink that is readable on it: the same on paper and on the page."""

from typing import Literal, get_args

from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

Colour = tuple[float, float, float]
Scheme = Literal["light", "dark"]

SCALE = colormaps["viridis"]
"""Perceptually uniform, and in order for colour-blind readers and in grey print."""
PALE = 0.3
"""Share of its colour that a cell of random weights keeps."""
_TINTS: dict[Scheme, tuple[str, str]] = {"light": ("#ffffff", "#21605c"), "dark": ("#1c2024", "#7fd1c7")}
"""From none to all: the page's card and accent in report.css."""


def shade(share: float, strength: float = 1.0) -> Colour:
    """The colour of `share`, 0..1, thinned with white to `strength`."""
    red, green, blue, _ = SCALE(share)
    return _between((1, 1, 1), (red, green, blue), strength)


def tint(share: float, scheme: Scheme = "light") -> Colour:
    """The colour of `share`, 0..1, of a row in a confusion matrix, whose many zeros stay as light as the paper."""
    none, all_of_it = map(to_rgb, _TINTS[scheme])
    return _between(none, all_of_it, share)


def ink_on(colour: Colour) -> Literal["black", "white"]:
    """Black or white, whichever has more contrast on the sRGB `colour`: at least 4.58 on any.

    Contrast is (L1 + 0.05) / (L2 + 0.05); the two inks tie where L + 0.05 = sqrt(0.05 * 1.05) (WCAG 2.2, 1.4.3).
    """
    return "white" if _luminance(colour) + 0.05 < (0.05 * 1.05) ** 0.5 else "black"


def style_sheet() -> str:
    """Classes by whole percent: `s42` on the scale, `p42` the same but pale, `t42` a tint of the page's accent."""
    shades = [_rule("s", n, shade(n / 100)) + _rule("p", n, shade(n / 100, PALE)) for n in range(101)]
    light, dark = (_tints(scheme) for scheme in get_args(Scheme))
    stops = ", ".join(to_hex(shade(n / 10)) for n in range(11))
    return (
        f"{''.join(shades)}{light}@media screen and (prefers-color-scheme: dark){{{dark}}}"
        f".scale{{background:linear-gradient(to right, {stops})}}"
    )


def _tints(scheme: Scheme) -> str:
    return "".join(_rule("t", n, tint(n / 100, scheme)) for n in range(101))


def _rule(prefix: str, percent: int, colour: Colour) -> str:
    return f".{prefix}{percent}{{background:{to_hex(colour)};color:{ink_on(colour)}}}"


def _between(start: Colour, end: Colour, share: float) -> Colour:
    red, green, blue = (a + share * (b - a) for a, b in zip(start, end, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    """Relative luminance, 0..1 (WCAG 2.2, definitions)."""
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
