"""Whether two names stand for the same service."""

import pytest

from panel.providers.identity import is_same

DECORATED = [
    ("Instagram Followers | Real", "🔥 INSTAGRAM  followers - Real ⚡"),
    ("Instagram Followers | Real", "instagram followers (real)"),
    ("Instagram Followers | Real", "Instagram Followers | Real [10K/Day]"),
    ("Instagram Followers | Real", "Instagram Followers | Real | Speed: 500-1000 per hour"),
    ("Instagram Followers | Real", "⚡ Super Fast ⚡ Instagram Followers | Real"),
    ("Instagram Followers | Real", "Instagram Followers | Real | Start: 0-1 hour | Instant"),
    ("Instagram Followers | Real", "Instagram Followers | Real | $0.95 per 1K"),
    ("Instagram Followers | Real", "Instagram Followers ₹75 Real"),
    ("Likes 0.90 USD", "Likes (Price: 1.20)"),
    ("Likes [5K/day]", "Likes [up to 20K/D]"),
    ("Likes &amp; Views", "Likes & Views"),
    ("TikTok Views", "Tik Tok Views"),
    ("𝐈𝐧𝐬𝐭𝐚𝐠𝐫𝐚𝐦 Likes", "Instagram Likes"),  # noqa: RUF001
    ("ɪɴsᴛᴀɢʀᴀᴍ Likes", "Instagram Likes"),  # noqa: RUF001
    ("🅸nstagram Ⓛikes", "Instagram Likes"),
    ("Mem\u200bbers", "Members"),
    ("Views 10,000", "Views 10000"),
    ("Просмотры", "ПРОСМОТРЫ ✅"),
]

OTHERS = [
    ("Instagram Followers | Real", "TikTok Views"),
    ("Instagram Followers | Real", "Instagram Followers | Bots"),
    ("Instagram Followers | Real", "Instagram Likes | Real"),
    ("Followers", "Followers | No Refill"),
    ("Followers | Refill 30 days", "Followers | Refill 60 days"),
    ("Followers 🇧🇷", "Followers 🇮🇳"),
    ("Likes 1.5K", "Likes 15K"),
    ("Watch time 1 hour", "Watch time 2 hours"),
    ("Views [60 min retention]", "Views [30 min retention]"),
    ("Telegram 100 members", "Telegram 1000 members"),
    ("🔥", "⚡"),
    ("Fast", "TikTok Views"),
    ("Likes", ""),
]


@pytest.mark.parametrize(("before", "after"), DECORATED)
def test_decoration_makes_no_other_service(before: str, after: str) -> None:
    assert is_same(before, after)
    assert is_same(after, before)


@pytest.mark.parametrize(("before", "after"), OTHERS)
def test_anything_else_does(before: str, after: str) -> None:
    assert not is_same(before, after)
    assert not is_same(after, before)
