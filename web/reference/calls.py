"""The calls that the API accepts, from the tables that the API itself uses.

openapi.json and the reference page are both made of them.
"""

from typing import Any, NamedTuple

from actions import ACTIONS
from actions.add import DETAILS, DRIPFEED
from actions.parameters import SERVICE, Parameter
from panel import service_types


class Call(NamedTuple):
    """One form of an action: with one set of parameters.

    kind: the service's type, for `add`; '' for the other actions.
    conditions: which of the optional parameters are needed, and with what.
    example: what the action could return for it, as plain data.
    """

    action: str
    kind: str
    needed: tuple[Parameter, ...]
    optional: tuple[Parameter, ...]
    conditions: dict[str, tuple[str, int]]
    example: Any

    @property
    def title(self) -> str:
        """Its name: "add Poll", "status orders", "balance"."""
        parts = [self.kind] if self.kind else [parameter.name for parameter in self.needed]
        return " ".join([self.action, *parts])

    @property
    def sent(self) -> dict[str, str]:
        """The parameters of an example request, without the key."""
        texts = {"action": self.action, **{p.name: p.example for p in self.needed}}
        needed = {n for n, (name, value) in self.conditions.items() if texts[name] == str(value)}
        return texts | {p.name: p.example for p in self.optional if p.name in needed}


def of(action: str) -> list[Call]:
    """The forms of an action."""
    if action == "add":
        return [_add(kind) for kind in service_types.SERVICE_TYPES]
    parameters, examples = ACTIONS[action].parameters, ACTIONS[action].examples
    forms = [(p,) for p in parameters] if ACTIONS[action].one_of else [parameters]
    return [
        Call(action, "", form, (), {}, example)
        for form, example in zip(forms, examples, strict=True)
    ]


def _add(kind: str) -> Call:
    rules = service_types.SERVICE_TYPES[kind]
    drip = DRIPFEED if rules.dripfeed else ()
    others = [*rules.optional, *(name for _, _, name in rules.needed_with), *drip]
    return Call(
        "add",
        kind,
        (SERVICE, *(DETAILS[name] for name in rules.parameters)),
        tuple(DETAILS[name] for name in others),
        {name: (given, value) for given, value, name in rules.needed_with},
        ACTIONS["add"].examples[0],
    )
