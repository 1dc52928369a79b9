"""What a message says about consent: words by language, in any case, width and dress.

A withdrawal is heard generously and a grant narrowly: a withdrawal by mistake costs one
message to the person, a grant by mistake costs them their peace.
"""

import enum
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass


class Meaning(enum.Enum):
    """What a person says about being written to."""

    SUBSCRIBE = enum.auto()  # agrees, whenever it is said
    ANSWER_YES = enum.auto()  # agrees, but only in answer to a notice
    ANSWER_NO = enum.auto()  # refuses, but only in answer to a notice
    STOP = enum.auto()  # withdraws, whenever it is said


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of one language, written as `_squeeze` leaves them."""

    #: Whole messages only.
    subscribe: frozenset[str]
    yes: frozenset[str]
    no: frozenset[str]
    stop: frozenset[str]
    #: Too plain to be anything else: they count anywhere in a message.
    stop_anywhere: frozenset[str]
    #: May stand around a word of `stop` without changing it ("please stop").
    polite: frozenset[str]


LEXICONS: Mapping[str, Lexicon] = {
    "zh-hans": Lexicon(
        subscribe=frozenset({"订阅", "訂閱", "我要订阅", "我要訂閱"}),
        yes=frozenset({"同意", "我同意", "是", "好的同意"}),
        no=frozenset(
            {"不同意", "我不同意", "不", "不用", "不用了", "不要", "拒绝", "拒絕"}
        ),
        # "T" and "TD" are the customary answers to a Chinese text message.
        stop=frozenset({"td", "t", "停", "停止", "取消", "拒收", "屏蔽"}),
        stop_anywhere=frozenset(
            {
                *("退订", "退訂", "取消订阅", "取消訂閱", "别再发", "別再發"),
                *("不要再发", "不要再發", "别发了", "別發了", "不要发了", "不要發了"),
                *("别再联系", "別再聯繫", "不要再联系", "不要再聯繫"),
            }
        ),
        polite=frozenset(
            {"请", "請", "麻烦", "麻煩", "谢谢", "謝謝", "您", "你", "吧", "了"}
        ),
    ),
    "en": Lexicon(
        subscribe=frozenset({"subscribe"}),
        yes=frozenset({"yes", "iagree", "agree", "yesiagree", "yesplease"}),
        no=frozenset({"no", "nothanks", "nothankyou", "idonotagree", "idontagree"}),
        stop=frozenset(
            {
                *("stop", "stopall", "stopit", "stopthis", "optout", "optmeout"),
                *("cancel", "quit", "end", "remove", "removeme"),
            }
        ),
        stop_anywhere=frozenset(
            {
                *("unsubscribe", "stopsending", "stopmessaging", "stopwriting"),
                *("stoptexting", "stopcontacting", "stopspamming", "leavemealone"),
                *("dontmessageme", "donotmessageme", "dontcontactme", "donotcontactme"),
            }
        ),
        polite=frozenset(
            {"please", "pls", "plz", "kindly", "now", "thanks", "thank", "you", "just"}
        ),
    ),
}


def meaning(text: str) -> Meaning | None:
    """Return what a message says about consent, or None; a withdrawal goes first."""
    words = _words(text)
    whole = "".join(words)
    if _is_stop(words, whole):
        return Meaning.STOP
    for lexicon in LEXICONS.values():
        if whole in lexicon.subscribe:
            return Meaning.SUBSCRIBE
        if whole in lexicon.yes:
            return Meaning.ANSWER_YES
        if whole in lexicon.no:
            return Meaning.ANSWER_NO
    return None


def language(text: str) -> str:
    """Guess the language of a person by their script: a Han character says Chinese."""
    return "zh-hans" if any("\u3400" <= char <= "\u9fff" for char in text[:200]) else "en"


def _words(text: str) -> list[str]:
    """Split into letters and digits: no quotes, signs, emoji or invisible characters."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Our own notice, quoted above the answer, says how to stop; the person did not.
    own = "\n".join(
        line for line in folded.splitlines() if not line.lstrip().startswith(">")
    )
    # An apostrophe is within a word: "don't" is one word, not "don" and "t".
    plain = (own.strip() or folded).replace("'", "").replace("\u2019", "")
    return "".join(char if char.isalnum() else " " for char in plain).split()


def _is_stop(words: list[str], whole: str) -> bool:
    for lexicon in LEXICONS.values():
        if any(word in whole for word in lexicon.stop_anywhere):
            return True
        if whole in lexicon.stop or _without(words, lexicon.polite) in lexicon.stop:
            return True
    return False


def _without(words: list[str], polite: frozenset[str]) -> str:
    """Return the rest without polite words, also where words are not apart (Chinese)."""
    rest = "".join(word for word in words if word not in polite)
    for word in polite:
        if not word.isascii():
            rest = rest.replace(word, "")
    return rest
