"""The few turns of XML that stanzas need, and the namespaces of the extensions."""

from xml.etree.ElementTree import Element, SubElement

ARCHIVE = "urn:xmpp:mam:2"  # XEP-0313
ATOM = "http://www.w3.org/2005/Atom"
CARBONS = "urn:xmpp:carbons:2"  # XEP-0280
DELAY = "urn:xmpp:delay"  # XEP-0203
DISCO = "http://jabber.org/protocol/disco#info"  # XEP-0030
ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
FORM = "jabber:x:data"  # XEP-0004
FORWARD = "urn:xmpp:forward:0"  # XEP-0297
IDS = "urn:xmpp:sid:0"  # XEP-0359
MUC_USER = "http://jabber.org/protocol/muc#user"  # XEP-0045
NICK = "http://jabber.org/protocol/nick"  # XEP-0172
PAGES = "http://jabber.org/protocol/rsm"  # XEP-0059
PING = "urn:xmpp:ping"  # XEP-0199
PUBSUB = "http://jabber.org/protocol/pubsub"  # XEP-0060
ROSTER = "jabber:iq:roster"
VCARD = "vcard-temp"  # XEP-0054

CLIENT = "jabber:client"
COMPONENT = "jabber:component:accept"  # XEP-0114


def name_of(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def plain(parent: Element, name: str) -> Element | None:
    """Return a child in the namespace of the stream, be it a client's or a component's."""
    found = parent.find(f"{{{CLIENT}}}{name}")
    return parent.find(f"{{{COMPONENT}}}{name}") if found is None else found


def part(parent: Element | None, *path: tuple[str, str]) -> Element | None:
    """Return the first element on a path of (namespace, name) pairs."""
    for space, name in path:
        if parent is None:
            return None
        parent = parent.find(f"{{{space}}}{name}")
    return parent


def text_of(element: Element | None) -> str:
    """Return an element's own text, stripped; "" where there is none."""
    return (element.text or "").strip() if element is not None else ""


def child(
    parent: Element, space: str, name: str, text: str = "", **attributes: str
) -> Element:
    """Add an element to another and return it."""
    made = SubElement(parent, f"{{{space}}}{name}", attributes)
    if text:
        made.text = text
    return made


def stanza(space: str, name: str, to: str = "", **attributes: str) -> Element:
    """Make a stanza in the namespace of its stream."""
    if to:
        attributes["to"] = to
    return Element(f"{{{space}}}{name}", attributes)


def form(parent: Element, kind: str, **fields: str) -> Element:
    """Add a submitted data form (XEP-0004); `__` in a field's name stands for "#"."""
    made = child(parent, FORM, "x", type="submit")
    hidden = child(made, FORM, "field", var="FORM_TYPE", type="hidden")
    child(hidden, FORM, "value", kind)
    for name, value in fields.items():
        field = child(made, FORM, "field", var=name.replace("__", "#"))
        child(field, FORM, "value", value)
    return made
