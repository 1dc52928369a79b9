"""The fake Discord, driven by hikari: what it accepts and answers is Discord's way."""

import asyncio
import json
from typing import Any

from tests.fakes import sdk
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_state import DM, FORUM, MEMBERS, TEXT, Bot, Channel

HIKARI = "hikari==2.7.0"

SCRIPT = """
import asyncio, json, sys
import hikari

async def main(url, token, given):
    intents = (hikari.Intents.DM_MESSAGES | hikari.Intents.GUILD_MESSAGES
               | hikari.Intents.GUILD_MEMBERS)
    bot = hikari.GatewayBot(token, rest_url=url + "/api/v10", banner=None, logs=None,
                            intents=intents, auto_chunk_members=False)
    heard = asyncio.Queue()
    bot.subscribe(hikari.MessageCreateEvent, heard.put)
    bot.subscribe(hikari.MemberCreateEvent, heard.put)
    bot.subscribe(hikari.MemberDeleteEvent, heard.put)
    await bot.start(check_for_updates=False)
    told = {}
    rest = bot.rest

    async def refused(name, call):
        try:
            await call
        except hikari.HTTPResponseError as error:
            told[name] = [type(error).__name__, getattr(error, "code", None)]

    me = bot.get_me()
    told["me"] = [str(me.id), me.global_name, me.is_bot]
    first = await heard.get()
    told["first"] = [type(first).__name__, first.content, str(first.author_id)]
    await rest.create_message(given["dm"], "got it")
    later = [await heard.get() for _ in range(4)]
    told["later"] = [type(event).__name__ for event in later]
    told["mention"] = later[3].content
    told["missed"] = later[0].content
    row = rest.build_message_action_row().add_link_button(
        "https://shop.example/", label="Open")
    sent = await rest.create_message(
        given["dm"], "hello", component=row, reply=first.message_id,
        attachment=hikari.Bytes(b"png", "a.png"))
    told["sent"] = [sent.content, sent.components[0].components[0].url,
                    sent.attachments[0].size, str(sent.message_reference.id)]
    post = await rest.create_message(given["text"], "a post")
    told["post"] = [post.content, str(post.channel_id)]
    thread = await rest.create_forum_post(given["forum"], "title", "a thread")
    told["thread"] = [thread.name, str(thread.parent_id)]
    channel = await rest.fetch_channel(given["forum"])
    told["forum"] = type(channel).__name__
    user = await rest.fetch_user(given["person"])
    told["user"] = user.global_name
    await refused("nobody", rest.fetch_user(1))
    await refused("nowhere", rest.create_message(404, "hello"))
    await refused("empty", rest.create_message(given["dm"], " "))
    await refused("long", rest.create_message(given["dm"], "x" * 2001))
    for code, name in given["closed"].items():
        await refused(code, rest.create_message(name, "hello"))
    many = await asyncio.gather(
        *(rest.create_message(given["busy"], f"number {n}") for n in range(7)))
    told["many"] = sorted(message.content for message in many)
    await bot.close()

    app = hikari.RESTApp(url=url + "/api/v10")
    await app.start()
    async with app.acquire(given["wrong"], "Bot") as wrong:
        try:
            await wrong.fetch_my_user()
        except hikari.UnauthorizedError as error:
            told["wrong"] = type(error).__name__
    await app.close()
    print(json.dumps(told))

asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
"""


def _places(discord: FakeDiscord, bot: Bot) -> tuple[Channel, dict[str, Any]]:
    """Make one channel for each answer there is."""
    direct = discord.channel(bot, DM)
    closed = {}
    for code in (50007, 50278, 50001, 50013):
        channel = discord.channel(bot, TEXT, guild="77")
        channel.closed = code
        closed[str(code)] = channel.id
    given = {
        "dm": direct.id,
        "text": discord.channel(bot, TEXT, guild="77").id,
        "forum": discord.channel(bot, FORUM, guild="77").id,
        "busy": discord.channel(bot, DM).id,
        "closed": closed,
        "wrong": "MTA.wrong.token",
    }
    return direct, given


async def _until(ready: Any) -> None:
    async with asyncio.timeout(30):
        while not ready():  # noqa: ASYNC110  # hikari is another process
            await asyncio.sleep(0.02)


async def _play(discord: FakeDiscord, bot: Bot, direct: Channel, lin: Any) -> None:
    """Write to hikari, drop its connection, and go on while it is away."""
    await _until(lambda: bot.streams)
    discord.write(bot, direct, lin, content="hello")
    await _until(lambda: discord.texts(bot, direct.id))
    await discord.gateway.drop()
    discord.write(bot, direct, lin, content="while away")
    discord.enter(bot, "77", lin)
    discord.leave(bot, "77", lin)
    guild = discord.channel(bot, TEXT, guild="77")
    mention = {"mentions": [bot.user.told()], "content": f"<@{bot.user.id}> hi"}
    discord.write(bot, guild, lin, **mention)


async def test_hikari_finds_the_fake_to_be_discord(discord: FakeDiscord) -> None:
    bot, lin = discord.bot(), discord.user()
    bot.granted = MEMBERS
    direct, given = _places(discord, bot)
    given["person"] = lin.id
    python = await asyncio.to_thread(sdk.python, HIKARI)
    async with discord.running():
        running = asyncio.create_task(
            asyncio.to_thread(
                sdk.run, python, SCRIPT, discord.url, bot.token, json.dumps(given)
            )
        )
        playing = asyncio.create_task(_play(discord, bot, direct, lin))
        await asyncio.wait({running, playing}, return_when=asyncio.FIRST_EXCEPTION)
        told = json.loads(await running)
        await playing
    first = direct.messages[0]
    assert told["me"] == [bot.user.id, "Shop", True]
    assert told["first"] == ["DMMessageCreateEvent", "hello", lin.id]
    assert [greeting["op"] for greeting in discord.gateway.greetings] == [2, 6]
    assert told["missed"] == "while away"
    assert told["later"] == [
        *("DMMessageCreateEvent", "MemberCreateEvent", "MemberDeleteEvent"),
        "GuildMessageCreateEvent",
    ]
    assert told["mention"] == f"<@{bot.user.id}> hi"
    assert told["sent"] == ["hello", "https://shop.example/", 3, first["id"]]
    assert told["post"] == ["a post", given["text"]]
    assert told["thread"] == ["title", given["forum"]]
    assert (told["forum"], told["user"]) == ("GuildForumChannel", "Lin")
    assert told["many"] == [f"number {number}" for number in range(7)]
    assert told["wrong"] == "UnauthorizedError"
    assert {name: told[name] for name in REFUSALS} == REFUSALS


REFUSALS = {
    "nobody": ["NotFoundError", 10013],
    "nowhere": ["NotFoundError", 10003],
    "empty": ["BadRequestError", 50006],
    "long": ["BadRequestError", 50035],
    "50007": ["ForbiddenError", 50007],
    "50278": ["ForbiddenError", 50278],
    "50001": ["ForbiddenError", 50001],
    "50013": ["ForbiddenError", 50013],
}
