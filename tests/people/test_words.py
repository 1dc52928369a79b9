"""What words mean, in any case, width and dress."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from menting.people import words
from menting.people.words import Meaning


@pytest.mark.parametrize(
    "text",
    [
        *(
            "退订",
            "退訂",
            " 退订。",
            "“退订”",
            "退 订",
            "退\u200b订",
            "请退订",
            "我要退订👍",
            "怎么退订？",
        ),
        *("TD", "td", "ＴＤ", "Td!", "T", "ｔ", "T.D.", "回复TD退订"),
        *("stop", "STOP", "Stop.", "ＳＴＯＰ", "please stop", "Stop, please!", "stop 🙏"),
        *("unsubscribe", "Please unsubscribe me", "UNSUBSCRIBE!!", "stop sending me this"),
        *("取消订阅", "别再发了", "don't message me", "请停止，谢谢"),
    ],
)
def test_a_withdrawal_is_heard_generously(text: str) -> None:
    assert words.meaning(text) is Meaning.STOP


@pytest.mark.parametrize(
    "text",
    ["订阅", "訂閱", "「订阅」", " 订阅 ！", "Subscribe", "ＳＵＢＳＣＲＩＢＥ.", "订阅🎉"],
)
def test_a_subscription_is_the_whole_message(text: str) -> None:
    assert words.meaning(text) is Meaning.SUBSCRIBE


@pytest.mark.parametrize("text", ["同意", "我同意。", "Yes", "YES!", "ｙｅｓ", "I agree"])
def test_a_yes_is_an_answer(text: str) -> None:
    assert words.meaning(text) is Meaning.ANSWER_YES


@pytest.mark.parametrize("text", ["不同意", "no", "No, thanks.", "不用了"])
def test_a_no_is_an_answer(text: str) -> None:
    assert words.meaning(text) is Meaning.ANSWER_NO


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "😀",
            "你好",
            "hello",
            "怎么订阅",
            "how do I subscribe?",
            "我同意你的看法",
        ),
        *("the bus stop is closed", "yes but when?", "not yet", "T恤多少钱", "non-stop"),
    ],
)
def test_other_messages_say_nothing_about_consent(text: str) -> None:
    assert words.meaning(text) is None


def test_our_own_notice_quoted_above_an_answer_is_not_the_person_speaking() -> None:
    quoted = "> <@desk:example.org> 愿意请回复“同意”，随时回复“退订”即可停止\n\n同意"
    assert words.meaning(quoted) is Meaning.ANSWER_YES


@given(st.text(max_size=200), st.sampled_from(["退订", "unsubscribe"]))
def test_a_plain_withdrawal_counts_wherever_it_stands(around: str, word: str) -> None:
    assert words.meaning(f"{around}\n{word}") is Meaning.STOP


@given(st.text(max_size=200))
def test_any_text_has_one_meaning_or_none_and_a_language(text: str) -> None:
    assert words.meaning(text) in (None, *Meaning)
    assert words.language(text) in ("zh-hans", "en")
