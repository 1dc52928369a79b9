"""What people are told by the program itself: the consent notice and the confirmations."""

from menting.people.models import Wording
from menting.users import house

#: The one purpose of the house's messages so far.
NEWS = "news"

#: By purpose and language. PIPL art. 17 asks for who, how to reach them, what for, by what
#: means, and how to end it; a change here or of the house makes a new version by itself.
_NOTICES = {
    NEWS: {
        "zh-hans": (
            "您好，{who}您的消息已收到，会有人看到。\n"
            "您愿意在这个对话里收到我们的最新消息吗？愿意请回复“同意”，也可以随时发送“订阅”。"
            "不回复就不会收到。同意后随时回复“退订”即可停止，您的称呼和账号只用于发送这些消息。"
        ),
        "en": (
            "Hello, {who}your message has arrived and will be read.\n"
            'May we send you our news in this conversation? If so, answer "yes", or write '
            '"subscribe" at any time. Without an answer you get none. Answer "stop" at any '
            "time to end it; your name and address here are used for these messages only."
        ),
    }
}
_WHO = {
    "zh-hans": "这里是{legal_name}{contact}。",
    "en": "this is {legal_name}{contact}; ",
}
_CONTACT = {"zh-hans": "（联系方式：{contact}）", "en": " (contact: {contact})"}

GRANTED = {
    "zh-hans": "已订阅。您会在这个对话里收到我们的最新消息，随时回复“退订”即可停止。",
    "en": 'You are subscribed to our news in this conversation. Answer "stop" to end it.',
}
WITHDRAWN = {
    "zh-hans": "已退订，我们不会再给您群发消息。改变主意时，发送“订阅”即可。",
    "en": (
        "You are unsubscribed and get no more news. Should you change your mind, "
        'write "subscribe".'
    ),
}
UNREADABLE = {
    "zh-hans": "这条消息无法阅读：这里还不支持加密对话和文件。请在未加密的对话里发送文字。",
    "en": (
        "Your message cannot be read here: encrypted conversations and files are not "
        "supported. Please write plain text in a conversation without encryption."
    ),
}


def current(purpose: str, language: str) -> Wording:
    """Return the notice of `purpose` as it stands, with a new version where it changed.

    Raises KeyError for a purpose or language that has no notice.
    """
    text = _NOTICES[purpose][language].format(who=_who(language))
    rows = Wording.objects.filter(purpose=purpose, language=language)
    last = rows.order_by("-version").first()
    if last is not None and last.text == text:
        return last
    version = last.version + 1 if last else 1
    return Wording.objects.create(
        purpose=purpose, language=language, version=version, text=text
    )


def spoken(language: str) -> str:
    """Return in which of the program's languages a person of `language` is spoken to."""
    return "zh-hans" if language.startswith("zh") else "en"


def _who(language: str) -> str:
    owner = house.get()
    if not owner.legal_name:
        return ""
    contact = _CONTACT[language].format(contact=owner.contact) if owner.contact else ""
    return _WHO[language].format(legal_name=owner.legal_name, contact=contact)
