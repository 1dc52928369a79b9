"""What a server shows of an address: its abilities (XEP-0030) and vCard (XEP-0054)."""

from xml.etree.ElementTree import Element

from menting.channels import base
from menting.channels.xmpp import xml
from menting.channels.xmpp.wire import Wire


async def features(wire: Wire, address: str) -> frozenset[str]:
    """Return what an account's own server can do for it; nothing when it does not say."""
    iq = xml.stanza(wire.space, "iq", address, type="get")
    xml.child(iq, xml.DISCO, "query")
    try:
        told = await wire.ask(iq)
    except base.Refused:
        return frozenset()
    query = told.find(f"{{{xml.DISCO}}}query")
    if query is None:
        return frozenset()
    kinds = {f"{item.get('category')}/{item.get('type')}" for item in query}
    return frozenset(kinds | {item.get("var", "") for item in query})


async def fetch(wire: Wire, person: str, *, asker: str = "") -> base.Profile:
    """Return what an address shows of itself; of one that shows nothing only the id."""
    iq = xml.stanza(wire.space, "iq", person, type="get")
    if asker:
        iq.set("from", asker)
    xml.child(iq, xml.VCARD, "vCard")
    try:
        card = (await wire.ask(iq)).find(f"{{{xml.VCARD}}}vCard")
    except (base.Refused, base.Throttled):
        card = None
    if card is None:
        return base.Profile(person)
    name = _line(card, "NICKNAME") or _line(card, "FN")
    # A picture within the card is not kept: 100 kB of base64 for each person.
    photo = xml.text_of(xml.part(card, (xml.VCARD, "PHOTO"), (xml.VCARD, "EXTVAL")))
    is_web = photo.startswith(("https://", "http://"))
    return base.Profile(person, name=name or None, avatar=photo if is_web else None)


def _line(card: Element, name: str) -> str:
    return xml.text_of(xml.part(card, (xml.VCARD, name)))
