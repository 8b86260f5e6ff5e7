"""The table of service types: what each needs, and what it charges."""

from typing import NamedTuple


class ServiceType(NamedTuple):
    """What `add` needs for a type of service beside its number, and what it charges.

    parameters: the names of what must be sent, in the order of judging.
    charged: "quantity" per 1000; "package", at the service's rate; "posts", each as it comes;
        or the name of the parameter whose lines are counted, per 1000.
    optional: what may be sent.
    needed_with: what else must be sent where a parameter has a certain value.
    dripfeed: whether services of this type can offer drip-feed.
    """

    parameters: tuple[str, ...]
    charged: str = "quantity"
    optional: tuple[str, ...] = ()
    needed_with: tuple[tuple[str, int, str], ...] = ()
    dripfeed: bool = False


SERVICE_TYPES = {
    "Default": ServiceType(("link", "quantity"), dripfeed=True),
    "SEO": ServiceType(("link", "quantity", "keywords")),
    "Package": ServiceType(("link",), "package"),
    "Custom Comments": ServiceType(("link", "comments"), "comments"),
    "Custom Comments Package": ServiceType(("link", "comments"), "package"),
    "Comment Replies": ServiceType(("link", "username", "comments"), "comments"),
    "Comment Likes": ServiceType(("link", "quantity", "username")),
    "Mentions": ServiceType(("link", "quantity", "usernames")),
    "Mentions with Hashtags": ServiceType(("link", "quantity", "usernames", "hashtags")),
    "Mentions Custom List": ServiceType(("link", "usernames"), "usernames"),
    "Mentions Hashtag": ServiceType(("link", "quantity", "hashtag")),
    "Mentions User Followers": ServiceType(("link", "quantity", "username")),
    "Mentions Media Likers": ServiceType(("link", "quantity", "media")),
    "Poll": ServiceType(("link", "quantity", "answer_number")),
    "Invites from Groups": ServiceType(("link", "quantity", "groups")),
    "Web Traffic": ServiceType(
        ("link", "quantity", "country", "device", "type_of_traffic"),
        needed_with=(
            ("type_of_traffic", 1, "google_keyword"),
            ("type_of_traffic", 2, "referring_url"),
        ),
        dripfeed=True,
    ),
    "Subscriptions": ServiceType(
        ("username", "min", "max", "delay"), "posts", optional=("posts", "old_posts", "expiry")
    ),
}
"""The types that can be sold (contract: Service types). A further one is a further entry."""


def takes_quantity(type: str) -> bool:
    """Whether orders of a type say a quantity."""
    return SERVICE_TYPES[type].charged == "quantity"
