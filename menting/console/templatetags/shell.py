"""The frame round a page, for `console/base.html` and the pages of faults."""

from django import template
from django.template import Context

from menting.console import shell as frame
from menting.console.shell import Shell

register = template.Library()


@register.simple_tag(takes_context=True)
def shell(context: Context) -> Shell:
    """Return the frame for whoever asked."""
    return frame.of(context["request"])
