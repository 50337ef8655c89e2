"""The official Python client, unmodified, against this server, from signing up to the audit trail.

    ONECLAW_STORY_PASSWORD=… ONECLAW_STORY_RPC=… python story.py http://127.0.0.1:8210

The server must be open to signing up (``ONECLAW_SIGNUP=open``), for the story has two organisations in it, and have a
chain ``dev`` with the development chain whose address is in ``ONECLAW_STORY_RPC``. It asserts
what each call does, prints a line for each thing that was seen to work, and ends with a traceback at the first that does
not.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from uuid import uuid4

import account
import contents
import fleet
import money
import sharing
import trail
from watched import calls_left_out, tell


def main() -> None:
    (base_url,) = sys.argv[1:]
    password = os.environ["ONECLAW_STORY_PASSWORD"]
    marker = f"marker-{uuid4()}"
    human = account.story(base_url, password)
    account.errors_are_raised(base_url, human)
    vault = contents.vaults(human)
    contents.secrets(human, vault)
    fleet.records(base_url, human, vault)
    reader = fleet.reads(base_url, human, vault, marker)
    fleet.conditions(human, vault, reader)
    fleet.bounds(base_url, human, vault, reader)
    stranger = account.signs_up(base_url, password)
    fleet.strangers(human, stranger, vault, reader)
    sharing.story(base_url, human, stranger, vault)
    money.story(base_url, human, stranger)
    fleet.deactivation(base_url, human, vault, reader)
    trail.story(base_url, human, stranger, vault, reader, marker)
    account.guesses_are_slowed(base_url, password)
    left_out = calls_left_out()
    assert not left_out, f"calls that the story leaves out: {sorted(left_out)}"
    tell(f"the whole story with oneclaw {version('oneclaw')}")


main()
