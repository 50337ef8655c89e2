"""A plugin to start from. It refuses everything below one path; what it shall leave to others or allow is for you to
write."""

import json
from typing import Optional

from componentize_py_types import Err
from schema import SCHEMA
from wit_world.imports import access_types, types

# What `configure` made of the settings: each decision starts from this state.
below: Optional[str] = None


class WitWorld:
    def describe(self) -> types.Manifest:
        return types.Manifest(
            name="template",
            version="0.1.0",
            summary="Refuses every access below one path.",
            settings_schema=SCHEMA,
        )

    def configure(self, settings: str) -> types.Needs:
        """Settings are JSON text. What is raised is the list of everything that is wrong with them."""
        global below
        try:
            read = json.loads(settings)
        except ValueError:
            raise refused("", "must be JSON")
        if not isinstance(read, dict) or not read.keys() <= {"below"}:
            raise refused("", "must be an object with the key `below` and no other")
        path = read.get("below")
        if not isinstance(path, str) or not path or path.endswith("/"):
            raise refused("/below", "must be a path such as `prod`, without a slash at its end")
        below = path + "/"
        return types.Needs(budgets=[], facts=[])

    def evaluate_access(self, request: access_types.AccessRequest) -> types.Decision:
        # A plugin that was never configured has no opinion to give, and must not be taken for one that has nothing
        # against it.
        if below is None:
            raise RuntimeError("not configured")
        if request.path.startswith(below):
            return answer(types.Verdict_Deny(reason("template/closed")))
        # Not this plugin's business. It is no allow: if nobody else allows the request, it is refused.
        return answer(types.Verdict_Abstain())


def answer(verdict: types.Verdict) -> types.Decision:
    return types.Decision(verdict=verdict, reservations=[], notes=[])


def reason(code: str) -> types.Reason:
    """The server writes a sentence where there is none."""
    return types.Reason(code=code, message="", rule="", condition="", figures=None)


def refused(pointer: str, message: str) -> Exception:
    return Err([types.Problem(pointer=pointer, message=message)])
