"""What the program keeps as its own words is told in the language of the page."""

from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation

import menting
from menting.console import reasons, visitlog
from menting.console.templatetags import look
from menting.users.models import User
from tests.console.conftest import Sample

_PACKAGE = Path(menting.__file__).parent


def test_countries_are_named_in_the_language_of_the_page() -> None:
    assert visitlog.country_word("DE") == "Germany"
    with translation.override("zh-hans"):
        assert visitlog.country_word("DE") == "德国"


@pytest.mark.parametrize("code", ["", "XX", "eu-west"])
def test_a_code_of_no_country_stays_as_it_is(code: str) -> None:
    assert visitlog.country_word(code) == code


def test_known_purposes_have_a_name_and_others_keep_their_own() -> None:
    assert [look.purpose(name) for name in ("news", "*", "alumni")] == [
        "News",
        "every purpose",
        "alumni",
    ]
    with translation.override("zh-hans"):
        assert look.purpose("news") == "最新消息"


def test_every_known_reason_is_one_that_some_part_keeps() -> None:
    sources = [path for path in _PACKAGE.rglob("*.py") if path.name != "reasons.py"]
    code = "".join(path.read_text() for path in sources)
    assert [reason for reason in reasons.SAID if f'"{reason}"' not in code] == []


def test_a_reason_of_a_platform_stays_as_it_was_said() -> None:
    with translation.override("zh-hans"):
        assert reasons.word("the account went offline") == "账号离线了"
        assert reasons.word("M_USER_DEACTIVATED") == "M_USER_DEACTIVATED"


@pytest.mark.django_db
def test_a_refusal_is_told_in_the_language_of_whoever_asked(
    as_owner: Client, owner: User, sample: Sample
) -> None:
    values = {"slug": "tree", "name": "T", "language": "en", "time_zone": "Asia/Tokyo"}
    for language, told in (("en", "there is a space"), ("zh-hans", "已有空间")):
        owner.language = language
        owner.save(update_fields=["language"])
        answer = as_owner.post("/console/spaces/new/", values)
        assert told in answer.content.decode()
