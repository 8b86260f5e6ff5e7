"""The trade's words: what its refusals mean, and how it spells statuses."""

import pytest

from panel.orders.refusal import Refusal
from upstream import vocabulary

PASSES = [
    # An order for the same link is still running there.
    "You have active order with this link. Please wait until order being completed.",
    "You have active order with this link",
    "You have an active order with this link. Please wait until the order is completed.",
    "You already have an active order for this link",
    "There is already an active order on this link.",
    "An order for this link is already in progress, wait for completion",
    "This link already has an order in progress",
    "Link currently active",
    "Same link order is processing. Please wait until it completes.",
    "Your previous order with this link is not completed",
    "Duplicate order",
    "Duplicate link",
    "neworder.error.link_duplicate",
    "error.duplicate_order",
    "link_duplicate",
    # The operator's funds there are used up.
    "Not enough funds on balance",
    "Not enough funds",
    "Not enough balance",
    "Not enough credits",
    "neworder.error.not_enough_funds",
    "error.not_enough_balance",
    "not_enough_funds",
    "Insufficient balance",
    "Insufficient funds",
    "Insufficient account balance. Please top up.",
    "insufficient_balance",
    "Your balance is insufficient",
    "Your balance is too low",
    "Your balance is not enough to place this order",
    "Balance not enough",
    "Low balance",
    "You do not have enough balance",
    "You don't have enough funds",
    "You dont have enough balance to order this service",
    "Please add funds to your account",
    "Please top up your balance",
    "Please recharge your account",
    # Too much at once.
    "Too many requests",
    "Too Many Attempts.",
    "too_many_requests",
    "Rate limit exceeded",
    "API rate limit reached",
    "rate-limit",
    "Request limit exceeded",
    "You are sending requests too fast, slow down",
    "Processing another transaction",
    # The provider is not well.
    "Maintenance",
    "The panel is under maintenance",
    "Service under maintenance, please try again later",
    "Service is temporarily unavailable",
    "Service temporarily disabled",
    "Temporary error",
    "Service Unavailable",
    "The service is currently not available, please come back later",
    "Server is busy",
    "Server busy. Try again",
    "System overloaded",
    # What the operator mends there.
    "Invalid API key",
    "Incorrect API key",
    "Invalid key",
    "Wrong API key",
    "Bad API key",
    "API key is invalid",
    "API key not found",
    "Your API key is not valid",
    "The selected api key is incorrect",
    "error.incorrect_api_key",
    "error.invalid_key",
    "Unauthorized",
    "Unauthorised request",
    "Unauthenticated.",
    "Authentication failed",
    "Access denied",
    "Your IP address is not allowed",
    "IP not whitelisted",
    "API is disabled",
    "Account suspended",
    "Your account is suspended",
    "Your account has been suspended",
    "Your account was blocked",
    "User is inactive",
    "User inactive or banned",
    "User disabled",
]

FINAL = [
    # The link.
    "Incorrect link",
    "Invalid link",
    "Bad link",
    "Wrong link",
    "Link is required",
    "Link not found",
    "Link is not valid for this service",
    "neworder.error.link",
    "neworder.error.invalid_link",
    "neworder.error.link_not_found",
    "error.invalid_link",
    "Invalid URL",
    "The link format is invalid.",
    "This link is blacklisted",
    "Incorrect username",
    "neworder.error.incorrect_username",
    "The account is private",
    "Account is private",
    "Private account",
    "Private profile or post not found",
    "The post does not exist",
    "This video does not allow likes",
    "Video unavailable",
    "This content is unavailable",
    "The channel is unavailable",
    # The quantity.
    "Incorrect quantity",
    "Invalid quantity",
    "Quantity less than minimal 100",
    "Quantity less than minimum",
    "Quantity less than maximum 5000",
    "Quantity more than maximum 10000",
    "Quantity must be a multiple of 10",
    "Quantity limit exceeded",
    "Not enough quantity",
    "Minimum quantity is 50",
    "Min: 50, Max: 1000",
    "neworder.error.min_quantity",
    "neworder.error.max_quantity",
    "neworder.error.quantity",
    # The service.
    "Incorrect service ID",
    "error.incorrect_service_id",
    "neworder.error.incorrect_service_id",
    "Invalid service",
    "error.invalid_service",
    "Service not found",
    "neworder.error.service_not_found",
    "neworder.error.service_inactive",
    "Service is inactive",
    "Service is disabled",
    "The selected service is invalid.",
    "Service was deleted",
    "This service is no longer available",
    # The rest of the request.
    "Incorrect request",
    "Invalid parameters",
    "Missing required parameter: link",
    "Runs or interval is incorrect",
    "neworder.error.comments",
    "Incorrect comments",
    "Country is not supported",
    "neworder.error.keywords",
    "Invalid keywords",
    "Keyword is required",
]


UNKNOWN = [
    "Daily limit reached",
    "Max limit reached for today",
    "Daily quantity limit exceeded",
    "Maximum limit exceeded for this link",
    "User not found",
    "Provider error",
    "Unable to place order",
    "Contact support",
    "Price changed",
    "Verification required",
    "Minimum deposit is 10",
    "Invalid action",
    "Order failed",
    "Cannot translate the link",
    "refused without a reason",
    # About our account there, not about the order.
    "Maximum order limit reached",
    "Your pending orders exceed the maximum",
    "Maximum amount of open orders reached",
    "Minimum order limit of your account reached",
    "Maximum 5 orders at once",
    "Max 100 orders allowed",
    "Account max order amount reached",
    "Minimum balance is 5",
    "Minimum 5 USD deposit required",
    "Min order amount is 1$",
    "Quantity exceeds your plan",
    "Service disabled for API users",
    "Service is disabled for resellers",
    "Service not found for your account level",
    "Service not valid for your plan",
    "Your IP is blacklisted",
    "IP blacklisted",
    "IP 10.0.0.1 blocked",
    "You are blacklisted",
    "Your account is blacklisted",
    "User is blacklisted",
    "Your plan does not allow API orders",
    "Your account does not allow this service",
    "Invalid parameters, account not verified",
    "Invalid request, too many orders",
    "Bad request",
    "The page is not available, try again later",
    "404 page not found",
    "This content is not available now, please try again",
    "Your country is blocked",
    # A limit of nobody knows what.
    "Less than minimum",
    "Exceeds the maximum",
    "",
]

FUNDS = [
    "Insufficient wallet",
    "Insufficient wallet balance",
    "insufficient_wallet",
    "Not enough funds on balance",
    "neworder.error.not_enough_funds",
    "Not enough money",
    "You don't have enough credits",
    "Low credit",
    "Low balance",
    "Your wallet is empty",
    "Your balance is too low, try again later",
    "Out of credits",
    "Order amount exceeds your available balance",
    "Credit limit reached",
    "Please top up your account",
    "Your balance is below the minimum required",
    "Balance is less than the minimum",
    "Your funds are lower than the order's price",
    "Payment Required",
]

UNCLEAR = [
    "Something went wrong, please try again later",
    "Sorry, something went wrong",
    "Internal server error",
    "Internal Server Error. Please wait",
    "Server Error",
    "Unknown error",
    "Unexpected error, contact support",
    "System error",
    "Database error",
    "An error occurred",
    "An error has occured while placing the order",
    "Request timed out",
    "Connection timeout",
    "cURL error 28: Operation timed out after 30001 milliseconds",
    "Gateway Time-out",
    "Uncaught exception: PDOException",
    "SQLSTATE[HY000] [2002] Connection refused",
]


@pytest.mark.parametrize("text", PASSES)
def test_a_refusal_that_passes_by_itself_is_tried_again(text: str) -> None:
    assert vocabulary.is_temporary(text)


@pytest.mark.parametrize("text", FINAL)
def test_a_refusal_that_the_trade_knows_is_the_last_word(text: str) -> None:
    assert vocabulary.refusal(text) in (Refusal.FINAL, Refusal.RANGE)
    assert vocabulary.refusal(text.upper()) == vocabulary.refusal(text)


@pytest.mark.parametrize("text", UNKNOWN)
def test_a_refusal_that_is_not_known_is_not_guessed_at(text: str) -> None:
    assert vocabulary.refusal(text) == Refusal.UNKNOWN
    assert not vocabulary.is_temporary(text)


@pytest.mark.parametrize("text", FUNDS)
def test_a_lack_of_funds_is_told_from_other_refusals(text: str) -> None:
    assert vocabulary.refusal(text) == Refusal.FUNDS
    assert vocabulary.is_temporary(text)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("Quantity less than minimum 500", Refusal.RANGE),
        ("Quantity must be between 10 and 500", Refusal.RANGE),
        ("Min quantity is 50, please try again", Refusal.RANGE),
        ("neworder.error.max_quantity", Refusal.RANGE),
        ("Amount is below minimum", Refusal.RANGE),
        ("Qty exceeds max", Refusal.RANGE),
        ("Less than minimum 100", Refusal.RANGE),
        ("Min: 50, Max: 1000", Refusal.RANGE),
        ("Minimum order is 100", Refusal.RANGE),
        ("Max order: 5000", Refusal.RANGE),
        ("Incorrect service ID", Refusal.RANGE),
        ("Username is blacklisted", Refusal.FINAL),
        ("Your account is private", Refusal.FINAL),
        ("Incorrect request", Refusal.FINAL),
        ("This service is no longer available", Refusal.RANGE),
        ("Invalid link, please try again later", Refusal.FINAL),
        ("Private account. Make it public and wait", Refusal.FINAL),
        ("Too many requests, please try again later", Refusal.TEMPORARY),
        ("Please try again later", Refusal.TEMPORARY),
        ("Service temporarily disabled", Refusal.TEMPORARY),
        ("You have an active order with this link", Refusal.TEMPORARY),
    ],
)
def test_what_weighs_most_in_a_refusal_decides(text: str, refusal: Refusal) -> None:
    assert vocabulary.refusal(text) == refusal


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("Incorrect request", True),
        ("Invalid parameters", True),
        ("Missing parameter orders", True),
        ("orders is required", True),
        ("Invalid action", True),
        ("Cannot refill", False),
        ("Incorrect order ID", False),
        ("Order not found", False),
    ],
)
def test_a_refused_form_is_told_from_a_refused_order(text: str, refuses: bool) -> None:
    assert vocabulary.refuses_the_form(text) is refuses


@pytest.mark.parametrize("text", UNCLEAR)
def test_an_error_that_refuses_nothing_is_told_from_a_refusal(text: str) -> None:
    assert vocabulary.leaves_outcome_unknown(text)


@pytest.mark.parametrize("text", PASSES + FINAL)
def test_a_refusal_is_not_taken_for_such_an_error(text: str) -> None:
    assert not vocabulary.leaves_outcome_unknown(text)


@pytest.mark.parametrize("text", PASSES)
def test_capitals_and_what_stands_around_a_text_do_not_matter(text: str) -> None:
    assert vocabulary.is_temporary(text.upper())
    assert vocabulary.is_temporary(f"Error: {text} (code 17)")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Pending", "Pending"),
        ("pending", "Pending"),
        ("Awaiting", "Pending"),
        ("Processing", "Processing"),
        ("PROCESSING", "Processing"),
        ("In progress", "In progress"),
        ("In Progress", "In progress"),
        ("Inprogress", "In progress"),
        ("in_progress", "In progress"),
        ("in-progress", "In progress"),
        ("Completed", "Completed"),
        ("completed ", "Completed"),
        ("Complete", "Completed"),
        ("Partial", "Partial"),
        ("partial", "Partial"),
        ("Partially completed", "Partial"),
        ("Canceled", "Canceled"),
        ("canceled", "Canceled"),
        ("Cancelled", "Canceled"),
        ("CANCELLED", "Canceled"),
        ("Refunded", "Canceled"),
        ("Fail", None),
        ("Failed", None),
        ("Error", None),
        ("error", None),
        ("Incompleted", None),
        ("Not completed", None),
        ("Completed 50%", None),
        ("\u672acompleted", None),
        ("cancel", "Canceled"),
        ("Refunds", "Canceled"),
        ("Refund", "Canceled"),
        ("process", "Processing"),
        ("In process", "Processing"),
        ("Progress", "In progress"),
        ("Queued", "Pending"),
        ("Done", "Completed"),
        ("Finished", "Completed"),
        ("Cancelling", None),
        ("Partially refunded", None),
        ("Success", None),
        ("2", None),
        ("Unknown", None),
        ("3", None),
        ("", None),
    ],
)
def test_an_orders_status_is_known_in_every_spelling(word: str, status: str | None) -> None:
    assert vocabulary.status(word) == status


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Pending", "pending"),
        ("Awaiting", "pending"),
        ("In progress", "in progress"),
        ("Inprogress", "in progress"),
        ("Processing", "in progress"),
        ("Completed", "completed"),
        ("complete", "completed"),
        ("Rejected", "rejected"),
        ("Canceled", "rejected"),
        ("cancelled", "rejected"),
        ("Error", "error"),
        ("Fail", "error"),
        ("Failed", "error"),
        ("Unknown", None),
        ("", None),
    ],
)
def test_a_refills_status_is_known_in_every_spelling(word: str, status: str | None) -> None:
    assert vocabulary.refill_status(word) == status


@pytest.mark.parametrize(
    ("text", "about_order"),
    [
        ("Too many requests", False),
        ("Rate limit exceeded", False),
        ("Too many orders at once", False),
        ("Invalid API key", False),
        ("Your account is suspended", False),
        ("Maintenance", False),
        ("Panel is currently unavailable", False),
        ("IP not allowed", False),
        ("Server busy, try again later", False),
        ("You have active order with this link", True),
        ("neworder.error.link_duplicate", True),
        ("This service is in maintenance", True),
        ("Service is temporarily disabled", True),
        ("Not enough funds on balance", True),
        ("Please try again later", True),
        ("Incorrect link", True),
    ],
)
def test_what_every_order_would_meet_is_told_from_what_one_meets(
    text: str, about_order: bool
) -> None:
    assert vocabulary.is_about_the_order(text) == about_order
