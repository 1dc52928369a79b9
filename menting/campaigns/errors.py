"""What campaigns refuse.

CampaignError
 ├ ContentError    the file, or a text in it, cannot be used
 ├ StateError      not in the state that the step needs
 ├ NotApprovedError
 ├ HeldError       held after a restore
 └ SupersededError another planning of the same campaign began meanwhile
"""


class CampaignError(Exception):
    """A step was refused; the message says why and what to do."""


class ContentError(CampaignError):
    """A campaign's file or text cannot be used: the place in it, what, and the remedy."""


class StateError(CampaignError):
    """The campaign or delivery is not in the state that this step needs."""


class NotApprovedError(CampaignError):
    """What would be sent is not what was approved."""


class HeldError(CampaignError):
    """Everything is held after a restore until the owner says go on."""


class SupersededError(CampaignError):
    """Another planning of the same campaign began, or something it needs has gone."""
