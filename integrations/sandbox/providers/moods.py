"""How a stand-in behaves: well, slow, down, rate-limiting, or wrong; told by ``POST /control/<provider>``."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from integrations.sandbox.serving import Answer, Answering, Asked

MOODS = ("well", "slow", "down", "rate_limited", "wrong")
SLOW = 12.0  # seconds, beyond what the panel waits


class Providers:
    """All stand-ins behind one address, each under its name; ``POST /control/NAME`` sets its mood."""

    def __init__(self, standins: Mapping[str, Answering], slow: float = SLOW) -> None:
        self.standins, self.slow = standins, slow
        self.moods = dict.fromkeys(standins, "well")

    def __call__(self, asked: Asked) -> Answer:
        """The named stand-in's answer, in its mood."""
        name, _, rest = asked.path.lstrip("/").partition("/")
        if name == "control":
            return self._control(rest, asked)
        if name not in self.standins:
            return Answer(404, {"error": "no such provider"})
        inner = Asked(asked.method, f"/{rest}", asked.body, asked.query, asked.headers)
        return self._in_mood(self.moods[name], name, inner)

    def _control(self, name: str, asked: Asked) -> Answer:
        mood = asked.json().get("mood")
        if name not in self.standins or mood not in MOODS or asked.method != "POST":
            return Answer(
                400, {"error": f"POST to one of {', '.join(self.standins)} one of {', '.join(MOODS)}"}
            )
        self.moods[name] = str(mood)
        return Answer(200, {"mood": mood})

    def _in_mood(self, mood: str, name: str, asked: Asked) -> Answer:
        if mood == "down":
            return Answer(503, "<h1>503 Service Unavailable</h1>")
        if mood == "rate_limited":
            return Answer(429, {"message": "Too many requests"}, {"Retry-After": "30"})
        if mood == "slow":
            time.sleep(self.slow)
        answer = self.standins[name](asked)
        return wrong(answer) if mood == "wrong" else answer


def wrong(answer: Answer) -> Answer:
    """The same answer with other amounts, and of the other mode: as a provider's fault would look."""
    text = json.dumps(answer.body)
    for said, instead in (('"livemode": false', '"livemode": true'), ('"currency": "', '"currency": "X')):
        text = text.replace(said, instead)
    return Answer(answer.status, _more(json.loads(text)), answer.headers)


def _more(value: object) -> object:
    """Every amount one unit larger."""
    if isinstance(value, dict):
        return {
            name: inner + 1 if name.startswith("amount") and isinstance(inner, int | float) else _more(inner)
            for name, inner in value.items()
        }
    return [_more(inner) for inner in value] if isinstance(value, list) else value
