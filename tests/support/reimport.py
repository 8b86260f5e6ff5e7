"""Imports of what we sell already, as the page and the command have to tell them alike."""

from panel import services
from panel.providers import registry, sources
from panel.providers.listing import Listing
from support.catalogue import import_from
from support.faulty import KEY, FaultyProvider

FOLLOWERS = Listing("1", "Followers", "Social", "Default", 900_000, 10, 5000, True, True)
VIEWS = Listing("2", "Views", "Video", "Default", 3_300, 100, 10**6, False, False)
PACK = Listing("3", "Starter pack", "Video", "Package", 3_000_000, 1, 1, False, True)

HANDMADE_CHANGES = [
    "rate 2.50 → 1.35",
    "markup none → 50%",
    "min 100 → 10",
    "max 1000 → 5000",
    "refill no → yes",
    "cancel no → yes",
    "drip-feed no → yes",
]
"""What an import at a markup of 50 % changes of the handmade service."""

IMPORT_AND_HOLD = "Import 1 service; 2 will be held until you confirm them"
PREVIEW = "Preview: import 1 service; 2 will be held until you confirm them"
IMPORTED_AND_HELD = "Imported 1 service; 2 are held until you confirm them"
WILL_BE_HELD = [
    "will be held until you confirm it: cost 0.0033 → 0.05",
    "will be held until you confirm it: their name 'Starter pack' → 'Comments'",
]
ARE_HELD = [text.replace("will be held", "held") for text in WILL_BE_HELD]
STAY_HELD = [text.replace("will be held", "skipped: not sold from there") for text in WILL_BE_HELD]


def add_north(faulty: FaultyProvider) -> int:
    """The provider `north`; its number."""
    return registry.add("north", faulty.url, KEY, 60, currency="USD").id


def add_handmade(faulty: FaultyProvider) -> int:
    """A service of our own words that is bought at `north` as its number 1; our number of it."""
    number = services.add(
        name="Handmade name",
        category="Mine",
        rate_micros=2_500_000,
        min=100,
        max=1000,
        description="Our own words.",
    )
    sources.set_source(number, add_north(faulty), FOLLOWERS, 1)
    return number


def add_three(faulty: FaultyProvider) -> list[int]:
    """Three services of `north`, of which two are then changed there beyond what is followed."""
    changes = import_from(add_north(faulty), FOLLOWERS, VIEWS, PACK)
    cheap, dear, other = faulty.services[:3]
    cheap["rate"], dear["rate"], other["name"] = "1.00", "0.05", "Comments"
    return [change.service_id for change in changes if change.service_id is not None]


def held(numbers: list[int]) -> list[bool]:
    """Which of these services are held."""
    return [services.get(number).held for number in numbers]
