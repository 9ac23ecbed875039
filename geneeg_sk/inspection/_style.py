"""What all pictures share: colors that everybody can tell apart, and frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito (2008), Color universal design: told apart by all common kinds of color vision.
# Lines differ in more than color too, for print in black and white.
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, YELLOW, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
    "#000000",
)
COLORS = {"real": BLUE, "synthetic": VERMILLION}
LINES = {"real": "-", "synthetic": "--"}
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
GRAY = "#666666"


def hide_spines(ax: Axes, *sides: str) -> None:
    """Hide the frame on some sides."""
    for side in sides or ("top", "right"):
        ax.spines[side].set_visible(False)
