"""The operator's dashboard at /admin: off until an operator exists.

Its pages read from panel/, and change something only through panel.operations, as the commands
do.
"""

from flask import Flask
from flask_login import current_user

from panel.sign_in import sessions
from web.dashboard import (
    account,
    attention,
    audit,
    catalogue,
    common,
    customers,
    ledger,
    operators,
    order_list,
    orders,
    overview,
    own_tasks,
    provider_holds,
    providers,
    reports,
    requests,
    restored,
    service_acts,
    services,
    signin,
)

__all__ = [
    "account", "attention", "audit", "catalogue", "customers", "ledger", "operators",
    "order_list", "orders", "overview", "own_tasks", "provider_holds", "providers",
    "register", "reports", "requests", "restored", "service_acts", "services",
]  # fmt: skip


def register(app: Flask) -> None:
    """Add the dashboard to the app."""
    app.extensions["catalogues"] = catalogue.Shelf()
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        PERMANENT_SESSION_LIFETIME=sessions.IDLE_S,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
    )
    # Not init_app(): that would look for remember-me cookies, which there are none of, after
    # every request to the API as well.
    app.login_manager = signin.manager  # type: ignore[attr-defined]
    app.jinja_env.globals["current_user"] = current_user
    common.add_filters(app)
    app.jinja_env.globals.update(waiting_badge=requests.waiting_badge, waited=requests.waited)
    app.url_map.converters["number"] = common.NumberConverter
    app.register_blueprint(common.bp)
