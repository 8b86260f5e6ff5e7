"""The dashboard's import of services that we have already."""

import re
from html import unescape

from support import reimport
from support.dashboard import Operator
from support.faulty import FaultyProvider

from panel import services

AT = "/admin/providers/north/import"


def post(olga: Operator, act: str, ids: str = "1, 2, 3") -> str:
    return unescape(olga.post(AT, act=act, ids=ids, markup="50", step="").text)


def told(page: str) -> list[str]:
    """What the page says of each service."""
    return re.findall(r'data-label="Change" class="text">(.*?)</td>', page)


def heading(page: str) -> str:
    (found,) = re.findall("<h2>(.*?)</h2>", page)
    return found


def button(page: str) -> list[str]:
    """What the button that imports says, where there is one."""
    return re.findall(r'value="import"[^>]*>(.*?)</button>', page)


def test_a_preview_and_an_import_tell_each_value_that_changes(
    olga: Operator, faulty: FaultyProvider
) -> None:
    number = reimport.add_handmade(faulty)
    page = post(olga, "preview", "1")
    assert told(page) == reimport.HANDMADE_CHANGES
    assert (heading(page), button(page)) == ("Preview: import 1 service", ["Import 1 service"])
    assert "Nobody changed it lately." in olga.text(f"/admin/services/{number}")
    page = post(olga, "import", "1")
    assert told(page) == reimport.HANDMADE_CHANGES
    assert (heading(page), button(page)) == ("Imported 1 service", [])
    assert services.get(number).name == "Handmade name"
    changes = ", ".join(reimport.HANDMADE_CHANGES)
    shown = unescape(olga.text(f"/admin/services/{number}"))
    assert f"olga: import from north, service 1: {changes}</li>" in shown


def test_nothing_to_import_has_no_button(olga: Operator, faulty: FaultyProvider) -> None:
    reimport.add_handmade(faulty)
    post(olga, "import", "1")
    page = post(olga, "preview", "1, 4")
    assert told(page) == ["skipped: the type 'Live Views' is not supported", "unchanged"]
    assert (heading(page), button(page)) == ("Preview: nothing to import", [])
    assert heading(post(olga, "import", "1")) == "Nothing was imported"


def test_the_button_counts_what_is_imported_and_what_will_be_held(
    olga: Operator, faulty: FaultyProvider
) -> None:
    numbers = reimport.add_three(faulty)
    page = post(olga, "preview")
    assert told(page)[-2:] == reimport.WILL_BE_HELD
    assert heading(page) == reimport.PREVIEW
    assert button(page) == [reimport.IMPORT_AND_HOLD]
    assert reimport.held(numbers) == [False] * 3
    page = post(olga, "import")
    assert told(page)[-2:] == reimport.ARE_HELD
    assert heading(page) == reimport.IMPORTED_AND_HELD
    assert reimport.held(numbers) == [False, True, True]
    page = post(olga, "preview")
    assert told(page) == [*reimport.STAY_HELD, "unchanged"]
    assert (heading(page), button(page)) == ("Preview: nothing to import", [])


def test_a_button_that_only_holds_says_that(olga: Operator, faulty: FaultyProvider) -> None:
    reimport.add_three(faulty)
    page = post(olga, "preview", "2")
    assert button(page) == ["Hold 1 service until you confirm it"]
    assert heading(page) == "Preview: hold 1 service until you confirm it"
    page = post(olga, "import", "2, 3")
    assert heading(page) == "Nothing was imported; 2 services are held until you confirm them"
