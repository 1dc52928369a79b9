"""The owner's seal: the first characters of a name, from right to left as on a stone."""

import unicodedata
from dataclasses import dataclass

#: (x, y) of each character in a square of 84, by how many there are.
_PLACES = {
    1: ((42, 58),),
    2: ((42, 38), (42, 72)),
    3: ((59, 38), (59, 72), (25, 55)),
    4: ((59, 38), (59, 72), (25, 38), (25, 72)),
}


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character and where it stands."""

    text: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Seal:
    """What is cut, and how large."""

    size: int
    glyphs: tuple[Glyph, ...]


def cut(name: str) -> Seal:
    """Return the seal of a name: up to four Chinese characters, else up to two initials."""
    square = [sign for sign in name if unicodedata.east_asian_width(sign) in "WF"]
    square = [sign for sign in square if sign.isalpha()][:4]
    if not square:
        return _cut_latin(name)
    places = _PLACES[len(square)]
    return Seal(
        size=46 if len(square) == 1 else 31,
        glyphs=tuple(
            Glyph(sign, x, y) for sign, (x, y) in zip(square, places, strict=True)
        ),
    )


def _cut_latin(name: str) -> Seal:
    initials = "".join(word[0] for word in name.split() if word[0].isalnum())[:2].upper()
    return Seal(size=38, glyphs=(Glyph(initials or "·", 42, 56),))
