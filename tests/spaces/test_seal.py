"""The seal: which characters are cut and that they stay within the stone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.spaces import seal


@pytest.mark.parametrize(
    ("name", "signs"),
    [
        ("槐下书局", "槐下书局"),
        ("白鹭洲旧书交换小组", "白鹭洲旧"),
        ("《东京》梦华", "东京梦华"),
        ("槐", "槐"),
        ("Corner Books and Tea", "CB"),
        ("élan", "É"),
        ("…", "·"),
    ],
)
def test_the_first_characters_are_cut(name: str, signs: str) -> None:
    assert "".join(glyph.text for glyph in seal.cut(name).glyphs) == signs


@given(st.text(max_size=40))
def test_every_name_has_a_seal_within_its_stone(name: str) -> None:
    cut = seal.cut(name)
    assert 1 <= len(cut.glyphs) <= 4
    assert all(0 < glyph.x < 84 and 0 < glyph.y < 84 for glyph in cut.glyphs)
