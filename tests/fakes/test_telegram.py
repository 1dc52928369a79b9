"""The fake Bot API, driven by aiogram: what it accepts and answers is Telegram's way."""

import asyncio
import json
from typing import Any

from tests.fakes import sdk
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_state import Bot

AIOGRAM = "aiogram==3.31.0"

SCRIPT = """
import asyncio, json, sys
from aiogram import Bot, exceptions
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import (
    BufferedInputFile, InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters)

async def main(url, token, given):
    api = TelegramAPIServer.from_base(url)
    told = {}
    async with Bot(token, session=AiohttpSession(api=api)) as bot:
        async def refused(name, call):
            try:
                await call
            except exceptions.TelegramAPIError as error:
                told[name] = [type(error).__name__, error.message]
                if isinstance(error, exceptions.TelegramRetryAfter):
                    told[name].append(error.retry_after)
                if isinstance(error, exceptions.TelegramMigrateToChat):
                    told[name].append(error.migrate_to_chat_id)

        me = await bot.get_me()
        told["me"] = [me.id, me.username, me.is_bot]
        updates = await bot.get_updates(
            allowed_updates=["message", "my_chat_member", "chat_member"])
        told["updates"] = [
            [update.event_type, update.event.from_user.first_name] for update in updates]
        told["texts"] = [update.message.text for update in updates if update.message]
        told["left"] = [update.my_chat_member.new_chat_member.status
                        for update in updates if update.my_chat_member]
        last = updates[-1].update_id
        told["rest"] = len(await bot.get_updates(offset=last + 1, timeout=0))
        button = InlineKeyboardButton(text="Open", url="https://shop.example/")
        sent = await bot.send_message(
            given["person"], "hello",
            reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]),
            reply_parameters=ReplyParameters(message_id=updates[0].message.message_id))
        told["sent"] = [sent.text, sent.chat.id, sent.from_user.id,
                        sent.reply_markup.inline_keyboard[0][0].url,
                        sent.reply_to_message.text]
        photo = await bot.send_photo(
            given["person"], BufferedInputFile(b"png", "a.png"), caption="a picture")
        told["photo"] = [photo.caption, photo.photo[0].file_size]
        post = await bot.send_message("@news", "a post")
        told["post"] = [post.chat.type, post.text]
        chat = await bot.get_chat(given["person"])
        told["chat"] = [chat.type, chat.first_name]
        await refused("blocked", bot.send_message(given["blocked"], "hello"))
        await refused("gone", bot.send_message(given["gone"], "hello"))
        await refused("stranger", bot.send_message(given["stranger"], "hello"))
        await refused("nowhere", bot.send_message(404, "hello"))
        await refused("empty", bot.send_message(given["person"], " "))
        await refused("long", bot.send_message(given["person"], "x" * 4097))
        await refused("flood", bot.send_message(given["flooded"], "hello"))
        await refused("moved", bot.send_message(given["moved"], "hello"))
        await refused("plain", bot.set_webhook("http://shop.example/"))
        await refused("secret", bot.set_webhook("https://s.example/", secret_token="a b"))
        told["set"] = await bot.set_webhook("https://s.example/", secret_token="abc")
        told["webhook"] = (await bot.get_webhook_info()).url
        await refused("conflict", bot.get_updates())
        told["deleted"] = await bot.delete_webhook()
    async with Bot(given["wrong"], session=AiohttpSession(api=api)) as bot:
        await refused("wrong", bot.get_me())
    print(json.dumps(told))

asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
"""


async def _drive(telegram: FakeTelegram, bot: Bot, given: dict[str, Any]) -> dict[str, Any]:
    python = await asyncio.to_thread(sdk.python, AIOGRAM)
    printed = await asyncio.to_thread(
        sdk.run, python, SCRIPT, telegram.url, bot.token, json.dumps(given)
    )
    told = json.loads(printed)
    assert isinstance(told, dict)
    return told


def _people(telegram: FakeTelegram, bot: Bot) -> dict[str, Any]:
    """Make one person or place for each answer there is."""
    bot.kinds = ("message", "my_chat_member", "chat_member")
    names = ("person", "blocked", "gone", "stranger", "flooded")
    users = {name: telegram.user(name) for name in names}
    for name in ("person", "blocked", "gone", "flooded"):
        telegram.write(bot, users[name], text=f"I am {name}")
    telegram.block(bot, users["blocked"])
    users["gone"].is_deleted = True
    telegram.flood(users["flooded"].id, 7)
    telegram.place(bot, "channel", username="news")
    group = telegram.place(bot, "group")
    group.moved_to = group.id - 1
    telegram.move(bot, group, users["person"], before="left", after="administrator")
    ids = {name: user.id for name, user in users.items()}
    return ids | {"moved": group.id, "wrong": f"{bot.id}:AAE-another-secret"}


async def test_aiogram_finds_the_fake_to_be_a_bot_api(telegram: FakeTelegram) -> None:
    bot = telegram.bot()
    given = _people(telegram, bot)
    async with telegram.running():
        told = await _drive(telegram, bot, given)
    assert told["me"] == [bot.id, bot.username, True]
    assert [kind for kind, _ in told["updates"]] == [
        *["message"] * 4,
        *("my_chat_member", "chat_member"),
    ]
    assert told["texts"][0] == "I am person"
    assert (told["left"], told["rest"]) == (["kicked"], 0)
    assert told["sent"] == [
        *("hello", given["person"], bot.id),
        *("https://shop.example/", "I am person"),
    ]
    assert told["photo"] == ["a picture", 3]
    assert told["post"] == ["channel", "a post"]
    assert told["chat"] == ["private", "person"]
    assert (told["set"], told["webhook"]) == (True, "https://s.example/")
    assert told["deleted"] is True
    assert {name: told[name][0] for name in REFUSALS} == REFUSALS
    assert told["flood"][2] == 7
    assert told["moved"][2] == given["moved"] - 1


REFUSALS = {
    "blocked": "TelegramForbiddenError",
    "gone": "TelegramForbiddenError",
    "stranger": "TelegramForbiddenError",
    "nowhere": "TelegramBadRequest",
    "empty": "TelegramBadRequest",
    "long": "TelegramBadRequest",
    "flood": "TelegramRetryAfter",
    "moved": "TelegramMigrateToChat",
    "plain": "TelegramBadRequest",
    "secret": "TelegramBadRequest",
    "conflict": "TelegramConflictError",
    "wrong": "TelegramUnauthorizedError",
}
