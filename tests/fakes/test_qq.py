"""The fake of QQ, driven by qq-botpy-sdk: what it accepts and tells is QQ's way."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from menting.cli.demo.homeserver import free_port
from tests.fakes import sdk
from tests.fakes.qq import FakeQQ
from tests.fakes.qq_api import Bot

BOTPY = "qq-botpy-sdk==2.2.1"

#: Hears until somebody writes "end", answers what it is told to, and prints what it saw.
GATEWAY = """
import asyncio, json, sys
import botpy
from botpy.protocol import ApiError, ReplyTarget

told = {"events": [], "sent": {}, "refused": {}}

answered = asyncio.Event()

class Shop(botpy.Client):
    async def on_ready(self):
        told["name"] = self.robot.name

    async def on_resumed(self):
        told["resumed"] = told.get("resumed", 0) + 1

    async def on_friend_add(self, event):
        told["events"].append(["friend", event.openid])

    async def on_friend_del(self, event):
        told["events"].append(["unfriend", event.openid])

    async def on_group_add_robot(self, event):
        told["events"].append(["group", event.group_openid, event.op_member_openid])

    async def on_group_at_message_create(self, message):
        told["events"].append(["at", message.group_openid, message.content])
        await message.reply(content="in the group", msg_type=0)

    async def on_at_message_create(self, message):
        told["events"].append(["channel", message.channel_id, message.content])
        sent = await message.reply(content="in the channel")

    async def on_direct_message_create(self, message):
        told["events"].append(["dm", message.guild_id, message.content])
        await self.api.post_dms(
            guild_id=message.guild_id, content="alone", msg_id=message.id)

    async def on_c2c_message_create(self, message):
        told["events"].append(["c2c", message.author.user_openid, message.content])
        if message.content == "answer":
            await self.answer(message)
            answered.set()
        if message.content == "end":
            await answered.wait()
            await self.close()

    async def answer(self, message):
        openid = message.author.user_openid
        target = ReplyTarget(scope="c2c", target_id=openid, message_id=message.id)
        await message.reply(content="one", msg_type=0, msg_seq=7)
        await self.refusal("twice", message.reply(content="two", msg_type=0, msg_seq=7))
        await self.refusal("expired", self.api.post_c2c_message(
            openid=openid, content="x", msg_id="ROBOT1.0_other"))
        await self.refusal("stranger", self.api.post_c2c_message(openid="S1", content="x"))
        await self.refusal("form", self.api.post_c2c_message(
            openid=openid, msg_type=2, content="x", markdown={"content": "x"}))
        await self.refusal("url", self.api.post_c2c_message(
            openid=openid, content="https://elsewhere.example/"))
        await self.refusal("wall", self.api.post_thread("1", "a", "b", 1))
        sent = await self.api.post_c2c_message(openid=openid, content="active")
        told["sent"]["active"] = sorted(sent)
        button = {"id": "1", "render_data": {"label": "Open", "visited_label": "Open",
            "style": 1}, "action": {"type": 0, "permission": {"type": 2},
            "data": "https://shop.example/"}}
        await self.api.post_c2c_message(openid=openid, msg_type=2,
            markdown={"content": "**news**"},
            keyboard={"content": {"rows": [{"buttons": [button]}]}})
        shown = await self.send_image(target, data=b"\\x89PNG", file_name="a.png")
        told["sent"]["image"] = sorted(shown.upload)
        told["sent"]["wakeup"] = bool(await self.send_wakeup(
            ReplyTarget(scope="c2c", target_id=openid), "come back"))
        thread = await self.api.post_thread("3200", "a title", "a post", 1)
        told["sent"]["thread"] = sorted(thread)
        link = await self.api.request(
            "POST", "/v2/generate_url_link", json={"callback_data": "spring"})
        told["sent"]["link"] = link["data"]["url"]

    async def refusal(self, name, call):
        try:
            await call
        except ApiError as error:
            told["refused"][name] = [error.status, error.code]

async def main(url, appid, secret):
    intents = botpy.Intents.none()
    intents.public_messages = True
    intents.public_guild_messages = True
    intents.direct_message = True
    shop = Shop(intents=intents, base_url=url, token_base_url=url, bot_log=None,
                ext_handlers=False)
    await shop.start(appid, secret)
    print(json.dumps(told))

asyncio.run(main(*sys.argv[1:]))
"""

#: Hears webhooks until FRIEND_DEL, and prints which events it believed.
WEBHOOK = """
import asyncio, json, sys
from botpy.protocol.transport.webhook import WebhookTransport

async def main(port, appid, secret):
    heard = []
    hook = WebhookTransport(appid, secret, host="127.0.0.1", port=int(port))
    async def handle(event):
        heard.append([event.event_type, event.event_id])
        if event.event_type == "FRIEND_DEL":
            asyncio.get_running_loop().call_later(0.5, hook._stop_event.set)
    await hook.start(handle)
    print(json.dumps(heard))

asyncio.run(main(*sys.argv[1:]))
"""


async def _run(script: str, *given: str) -> Any:
    python = await asyncio.to_thread(sdk.python, BOTPY)
    return json.loads(await asyncio.to_thread(sdk.run, python, script, *given))


async def _play(qq: FakeQQ, bot: Bot, person: str, group: str) -> None:
    """Be everybody whom the bot meets."""
    await _until(lambda: bot.gateway.is_connected)
    await qq.befriend(bot, person)
    joined = {"group_openid": group, "op_member_openid": "O1", "timestamp": 1780000000}
    await qq.tell(bot, "GROUP_ADD_ROBOT", joined)
    await qq.write_in_group(bot, group, "M1", "hello all")
    await qq.write_in_channel(bot, "3200", "42", "hello guild")
    await qq.write_directly(bot, "7200", "42", "hello you")
    await bot.gateway.say(7)
    await qq.write(bot, person, "answer")
    await _until(lambda: bot.gateway.resumed == 1)
    await qq.unfriend(bot, person)
    await qq.write(bot, person, "end")


async def _until(happened: Callable[[], bool]) -> None:
    """Wait for the other process."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110  # the fake has no event for it
            await asyncio.sleep(0.05)


async def test_botpy_finds_the_fake_to_be_qq(qq: FakeQQ) -> None:
    bot = qq.bot("Huaixia Books")
    bot.forums["3200"] = []
    person, group = qq.openid(), qq.openid()
    async with qq.running():
        playing = asyncio.create_task(_play(qq, bot, person, group))
        told = await _run(GATEWAY, qq.url, bot.appid, bot.secret)
        await playing
    assert told["name"] == "Huaixia Books"
    assert told["resumed"] == 1
    assert told["events"] == [
        ["friend", person],
        ["group", group, "O1"],
        ["at", group, " hello all"],
        ["channel", "3200", f"<@!{bot.appid}> hello guild"],
        ["dm", "7200", "hello you"],
        ["c2c", person, "answer"],
        ["unfriend", person],
        ["c2c", person, "end"],
    ]
    assert told["refused"] == {
        "twice": [400, 40054005],
        "expired": [400, 40034024],
        "stranger": [400, 40054004],
        "form": [400, 22006],
        "url": [400, 304003],
        "wall": [403, 11253],
    }
    assert told["sent"]["active"] == ["ext_info", "id", "timestamp"]
    assert told["sent"]["image"] == ["file_info", "file_uuid", "ttl"]
    assert told["sent"]["thread"] == ["create_time", "task_id"]
    assert told["sent"]["link"].endswith("&data=spring")
    assert _texts(bot, f"c2c:{person}") == ["one", "active", "**news**", "", "come back"]
    assert _texts(bot, f"group:{group}") == ["in the group"]
    assert _texts(bot, "channel:3200") == ["in the channel"]
    assert _texts(bot, "dm:7200") == ["alone"]
    assert [post["content"] for post in bot.forums["3200"]] == ["a post"]


async def test_botpy_believes_the_fakes_webhooks(qq: FakeQQ) -> None:
    bot, person, port = qq.bot(), qq.openid(), free_port()
    bot.webhook = f"http://127.0.0.1:{port}/"
    hearing = asyncio.create_task(_run(WEBHOOK, str(port), bot.appid, bot.secret))
    check = {"plain_token": "Arq0D5A61EgUu4OxUvOp", "event_ts": str(qq.seconds())}
    answer = await _until_answered(qq, bot, {"op": 13, "d": check})
    signed = f"{check['event_ts']}{check['plain_token']}".encode()
    assert answer["signature"] == bot.sign(signed)
    await qq.befriend(bot, person)
    stranger = Bot(bot.appid, "another secret", "Stranger", webhook=bot.webhook)
    assert await qq.call_hook(stranger, {"op": 0, "t": "FRIEND_ADD", "d": {}}) == (
        401,
        b'{"error":"invalid signature"}',
    )
    await qq.unfriend(bot, person)
    heard = await hearing
    assert [kind for kind, _ in heard] == ["FRIEND_ADD", "FRIEND_DEL"]


async def _until_answered(qq: FakeQQ, bot: Bot, payload: Any) -> Any:
    async with asyncio.timeout(60):
        while True:
            try:
                status, body = await qq.call_hook(bot, payload)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            assert status == 200
            return json.loads(body)


def _texts(bot: Bot, place: str) -> list[str]:
    return [message.text for message in bot.places[place].messages]
