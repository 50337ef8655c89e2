"""Refuses changes to secrets while a freeze lasts: nothing is written, deleted or rotated. Reading is left to others."""

import json
import re
from datetime import datetime
from typing import NamedTuple, Optional

from componentize_py_types import Err
from schema import SCHEMA
from wit_world.imports import access_types, types

INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


class Freeze(NamedTuple):
    start: int
    end: int
    text: str
    below: tuple[str, ...]


# What `configure` made of the settings: each decision starts from this state.
freezes: Optional[list[Freeze]] = None


class WitWorld:
    def describe(self) -> types.Manifest:
        return types.Manifest(
            name="change-freeze",
            version="0.1.0",
            summary="Refuses changes to secrets while a freeze lasts.",
            settings_schema=SCHEMA,
        )

    def configure(self, settings: str) -> types.Needs:
        """Settings are JSON text. What is raised is the list of everything that is wrong with them."""
        global freezes
        problems: list[types.Problem] = []
        read = read_settings(settings, problems)
        if problems:
            raise Err(problems)
        freezes = read
        return types.Needs(budgets=[], facts=[])

    def evaluate_access(self, request: access_types.AccessRequest) -> types.Decision:
        # A plugin that was never configured has no opinion to give, and must not be taken for one that has nothing
        # against it.
        if freezes is None:
            raise RuntimeError("not configured")
        if request.permission != access_types.Permission.READ:
            for freeze in freezes:
                if freeze.start <= request.at_ms < freeze.end and (
                    not freeze.below or request.path.startswith(freeze.below)
                ):
                    return refused(freeze)
        return answer(types.Verdict_Abstain())


def refused(freeze: Freeze) -> types.Decision:
    reason = types.Reason(
        code="change-freeze/frozen",
        message=f"Nothing is changed here before {freeze.text}.",
        rule="",
        condition="",
        figures=None,
    )
    return answer(types.Verdict_Deny(reason))


def answer(verdict: types.Verdict) -> types.Decision:
    return types.Decision(verdict=verdict, reservations=[], notes=[])


def read_settings(text: str, problems: list[types.Problem]) -> list[Freeze]:
    """The server has checked the settings against the schema. This checks them all the same: it also runs elsewhere."""

    def problem(pointer: str, message: str) -> None:
        problems.append(types.Problem(pointer=pointer, message=message))

    try:
        settings = json.loads(text)
    except ValueError:
        problem("", "must be JSON")
        return []
    if not isinstance(settings, dict) or not settings.keys() <= {"freezes"}:
        problem("", "must be an object with the key `freezes` and no other")
        return []
    entries = settings.get("freezes")
    if not isinstance(entries, list) or not entries:
        problem("/freezes", "must have at least one entry")
        return []
    read = []
    for at, entry in enumerate(entries):
        entry = entry if isinstance(entry, dict) else {}
        start, end = instant(entry.get("from")), instant(entry.get("until"))
        for key, value in (("from", start), ("until", end)):
            if value is None:
                problem(f"/freezes/{at}/{key}", "must be an instant in UTC, such as `2026-12-18T17:00:00Z`")
        if start is not None and end is not None and end <= start:
            problem(f"/freezes/{at}/until", "must be later than `from`")
        below = entry.get("below", [])
        if not isinstance(below, list) or not all(isinstance(path, str) for path in below):
            problem(f"/freezes/{at}/below", "must be a list of paths")
            continue
        if start is not None and end is not None:
            paths = tuple(path.rstrip("/") + "/" for path in below)
            read.append(Freeze(start, end, entry["until"], paths))
    return read


def instant(text: object) -> Optional[int]:
    """Milliseconds since 1970."""
    if not isinstance(text, str) or not INSTANT.fullmatch(text):
        return None
    try:
        # Not `strptime`: it loads a module when it is first called, and a component has no files.
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(when.timestamp()) * 1000
