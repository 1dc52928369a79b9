"""The house's own public places: posts, guestbooks, invitations and landing links."""

from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext, gettext_lazy

from menting.console import keyset
from menting.console.page import OperatorRequest, after, both, done, refused, show, shown
from menting.spaces import guestbook, links, posts
from menting.spaces import space as places
from menting.spaces.models import SLUG, GuestbookEntry, Invitation, Link, Post, Space
from menting.users import house

_ZONES = sorted(
    zone for zone in available_timezones() if "/" in zone and zone[:4] != "Etc/"
)


class SpaceForm(forms.Form):
    """A new place under the owner's own name."""

    slug = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=40,
        validators=[RegexValidator(f"^{SLUG}$")],
        help_text=gettext_lazy("Small letters, figures and hyphens: /@address"),
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    about = forms.CharField(label=gettext_lazy("About"), max_length=500, required=False)
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=[(zone, zone) for zone in _ZONES],
        help_text=gettext_lazy(
            "Days are counted in it, for good: it cannot be changed later."
        ),
    )


class PostForm(forms.Form):
    """A text in Markdown."""

    markdown = forms.CharField(
        label=gettext_lazy("Text in Markdown; its first heading is the title"),
        widget=forms.Textarea(attrs={"rows": 14}),
        max_length=200_000,
    )


@shown("spaces.read")
def spaces(request: OperatorRequest) -> HttpResponse:
    """List the spaces with what stands in each and what waits."""
    waits = Q(entries__state=GuestbookEntry.State.PENDING)
    rows = Space.objects.annotate(pending=Count("entries", filter=waits)).order_by("pk")
    return show(request, "spaces.html", {"spaces": rows})


@both("spaces.write")
def new(request: OperatorRequest) -> HttpResponse:
    """Make a space."""
    form = SpaceForm(request.POST or None, initial={"time_zone": house.get().time_zone})
    if request.method == "POST" and form.is_valid():
        try:
            made = places.create(request.actor, **form.cleaned_data)
        except places.BadSpaceError as error:
            form.add_error(None, str(error))
        else:
            return redirect("console:space", made.slug)
    return show(
        request, "space_new.html", {"form": form}, status=422 if form.errors else 200
    )


@shown("spaces.read")
def space(request: OperatorRequest, slug: str) -> HttpResponse:
    """Show one space: entries that wait, posts, invitations and links."""
    one = get_object_or_404(Space, slug=slug)
    entries = GuestbookEntry.objects.filter(space=one).select_related("contact", "account")
    context = {
        "space": one,
        "pending": entries.filter(state=GuestbookEntry.State.PENDING).order_by("at")[:50],
        "page": keyset.page(
            request,
            entries.exclude(state=GuestbookEntry.State.PENDING),
            by=keyset.Key("at"),
            size=20,
        ),
        "posts": Post.objects.filter(space=one).order_by("-published_at")[:20],
        "invitations": Invitation.objects.filter(space=one).order_by("-pk")[:20],
        "links": Link.objects.filter(space=one).order_by("-pk")[:20],
    }
    return show(request, "space.html", context)


@done("spaces.write")
def describe(request: OperatorRequest, slug: str) -> HttpResponse:
    """Change the name of a space and the line below it."""
    one = get_object_or_404(Space, slug=slug)
    name, about = request.POST.get("name", ""), request.POST.get("about", "")
    try:
        places.describe(request.actor, one, name=name, about=about)
    except places.BadSpaceError as error:
        return refused(request, error, "console:space", one.slug)
    return after(request, gettext("The space is changed."), "console:space", one.slug)


@done("spaces.write")
def decide(request: OperatorRequest, pk: int) -> HttpResponse:
    """Show an entry of the guestbook, or leave it unseen."""
    entry = get_object_or_404(GuestbookEntry.objects.select_related("space"), pk=pk)
    approve = request.POST.get("how") == "approve"
    guestbook.decide(request.actor, entry.pk, approve)
    said = gettext("The entry is shown.") if approve else gettext("The entry is not shown.")
    return after(request, said, "console:space", entry.space.slug)


@both("spaces.write")
def write(request: OperatorRequest, slug: str) -> HttpResponse:
    """Write a post, or write one anew under the same title."""
    one = get_object_or_404(Space, slug=slug)
    form = PostForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            posts.publish(request.actor, one, form.cleaned_data["markdown"])
        except posts.BadPostError as error:
            form.add_error("markdown", str(error))
        else:
            return after(
                request, gettext("The post is published."), "console:space", one.slug
            )
    context = {"form": form, "space": one}
    return show(request, "post_new.html", context, status=422 if form.errors else 200)


@done("spaces.write")
def invite(request: OperatorRequest, slug: str) -> HttpResponse:
    """Issue an invitation to the guestbook."""
    one = get_object_or_404(Space, slug=slug)
    made = guestbook.invite(request.actor, one, request.POST.get("note", "")[:120])
    said = gettext("Invitation %(code)s is issued.") % {"code": made.code}
    return after(request, said, "console:space", one.slug)


@done("spaces.write")
def revoke(request: OperatorRequest, pk: int) -> HttpResponse:
    """Take an invitation back; what was written under it stays."""
    one = get_object_or_404(Invitation.objects.select_related("space"), pk=pk)
    try:
        guestbook.revoke(request.actor, one.pk)
    except guestbook.NotInvitedError as error:
        return refused(request, error, "console:space", one.space.slug)
    return after(
        request, gettext("The invitation is taken back."), "console:space", one.space.slug
    )


@done("spaces.write")
def link(request: OperatorRequest, slug: str) -> HttpResponse:
    """Make a landing link."""
    one = get_object_or_404(Space, slug=slug)
    try:
        made = links.make(
            request.actor,
            one,
            url=request.POST.get("url", ""),
            label=request.POST.get("label", ""),
        )
    except links.BadLinkError as error:
        return refused(request, error, "console:space", one.slug)
    said = gettext("The link /l/%(code)s is ready.") % {"code": made.code}
    return after(request, said, "console:space", one.slug)
