"""Campaigns as they are written, and what cannot be used."""

from pathlib import Path

import pytest

from menting.campaigns import content, text
from menting.campaigns.errors import ContentError
from menting.campaigns.models import Campaign
from menting.users.house import Sender
from tests.campaigns import world

SENDER = Sender("Example Ltd", "desk@example.org")


def written(**changes: str) -> str:
    """Return a good file with some lines changed."""
    lines = {
        "name": 'name = "Spring"',
        "segment": "segment = '{}'",
        "from": 'from = ["*"]',
        "en": '[content.en]\ntext = "Hello {{ person.name }}"',
    }
    return "\n".join((lines | changes).values())


BAD = [
    ({"name": "name = "}, "not TOML.*line 1"),
    ({"name": 'name = ""'}, "name: String should have at least 1"),
    ({"name": 'nam = "x"'}, "nam: Extra inputs"),
    ({"name": 'name = "x"\npurpose = "Big News"'}, "purpose: .*pattern"),
    ({"segment": "segment = '{'"}, "segment, line 1, column 2: this is not JSON"),
    ({"segment": "segment = '[]'"}, "segment: must be a JSON object"),
    ({"segment": 'segment = \'{"field": "age", "is": 1}\''}, "segment: .*must be one of"),
    ({"from": ""}, "from: messages need"),
    ({"en": ""}, "there is nothing to send"),
    ({"en": '[content.fr]\ntext = "Bonjour"'}, "content.fr: the mandatory parts .* en"),
    ({"en": '[content.en]\ntext = " "'}, "content.en.text: the text is empty"),
    (
        {"en": '[content.en]\ntext = """Hello\n{{ person.age }}"""'},
        "content.en.text, line 2: person.age is not known; .* name .*person.name",
    ),
    (
        {"en": '[content.en]\ntext = """Hello\n\n{% if %}"""'},
        "content.en.text, line 3: ",
    ),
    (
        {"en": "[content.en]\ntext = \"{% include 'x' %}\""},
        "content.en.text, line 1: unexpected tag",
    ),
    (
        {"en": '[content.en]\ntext = "{% for i in (1..999999999) %}x{% endfor %}"'},
        "content.en.text, line 1: loop iteration limit",
    ),
    ({"en": '[content.en]\ntext = "{{ person.name | nope }}"'}, "unknown filter"),
    (
        {"en": '[content.en]\ntext = "Hi"\n[post.en]\ntext = "Hi"'},
        "post: posts need",
    ),
    (
        {
            "from": 'from = ["*"]\nwalls = ["@x"]',
            "en": '[post.en]\ntext = "{{ person.name }}"',
        },
        "post.en.text, line 1: person.name is not known",
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("changes", "told"), BAD)
def test_what_cannot_be_used_is_told_with_its_place(
    changes: dict[str, str], told: str
) -> None:
    with pytest.raises(ContentError, match=f"(?s)campaign: {told}|campaign: .*{told}"):
        content.parse(written(**changes))


def test_a_file_that_is_not_utf_8_is_told_with_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "spring.toml"
    file.write_bytes('name = "春"'.encode("gb18030"))
    with pytest.raises(ContentError, match=r"spring.toml, byte 8: this is not UTF-8"):
        content.read_toml(file)


@pytest.mark.django_db
def test_accounts_are_named_by_handle_or_id_or_all_together() -> None:
    ann, bob = world.account(), world.account()
    for names, ids in (
        ('["*"]', {ann.pk, bob.pk}),
        (f'["{ann.handle}"]', {ann.pk}),
        (f"[{bob.pk}]", {bob.pk}),
    ):
        made = content.create(
            world.OWNER, content.parse(written(**{"from": f"from = {names}"}))
        )
        assert set(made.accounts.values_list("pk", flat=True)) == ids


@pytest.mark.django_db
def test_an_account_that_is_not_there_stores_nothing() -> None:
    draft = content.parse(written(**{"from": 'from = ["@nobody"]'}))
    with pytest.raises(ContentError, match="from: “@nobody” is no account of yours"):
        content.create(world.OWNER, draft)
    assert not Campaign.objects.exists()


@pytest.mark.django_db
def test_an_invitation_that_was_never_given_is_refused() -> None:
    world.account(handle="@desk")
    toml = 'name = "x"\nwalls = ["@desk"]\nguestbooks = ["nope"]\n[post.en]\ntext = "Hi"'
    with pytest.raises(ContentError, match="guestbooks: “nope” is no valid invitation"):
        content.create(world.OWNER, content.parse(toml))


@pytest.mark.django_db
def test_the_sample_is_good() -> None:
    world.account()
    assert content.create(world.OWNER, content.parse(content.SAMPLE)).revision


@pytest.mark.parametrize("language", sorted(text.FRAMES))
def test_no_text_can_leave_the_mandatory_parts_out(language: str) -> None:
    values = text.Values("安", language, "Desk", SENDER)
    for source in ("Hello", "{% comment %}{{ person.name }}", "a{% break %}b"):
        try:
            said = text.render(source, language=language, values=values)
        except ContentError:
            continue
        frame = text.FRAMES[language]
        assert said.startswith(frame.label)
        assert said.endswith(frame.opt_out)
        assert SENDER.legal_name in said
        assert SENDER.contact in said


def test_a_name_is_never_read_as_liquid() -> None:
    values = text.Values("{{ house.contact }}{% break %}", "en", "Desk", SENDER)
    said = text.render("Hello {{ person.name }}", language="en", values=values)
    assert "Hello {{ house.contact }}{% break %}" in said


@pytest.mark.parametrize(
    ("spoken", "written_in", "house", "chosen"),
    [
        ("en", ["zh-hans", "en"], "zh-hans", "en"),
        ("en-GB", ["zh-hans", "en"], "zh-hans", "en"),
        ("zh-TW", ["en", "zh-hans"], "en", "zh-hans"),
        ("", ["en", "zh-hans"], "zh-hans", "zh-hans"),
        ("fr", ["en", "zh-hans"], "zh-hans", "zh-hans"),
        ("fr", ["en"], "zh-hans", "en"),
    ],
)
def test_the_nearest_language_is_written_in(
    spoken: str, written_in: list[str], house: str, chosen: str
) -> None:
    assert text.nearest(spoken, written_in, house=house) == chosen
