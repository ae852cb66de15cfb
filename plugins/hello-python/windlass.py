"""Writes windlass plugins in Python: an input, an output, a function, an effect.

Responsible for the exports of the WIT package, and for its imports in a form that reads
well; not for what any of it means, which `docs/plugins.md` says.
"""

import json as _json
from dataclasses import dataclass
from typing import Any, Callable, Optional

from componentize_py_types import Err as _Err
from wit_world import exports as _exports
from wit_world.imports import attempt as _attempt
from wit_world.imports import clock as _clock
from wit_world.imports import http as _http
from wit_world.imports import random as _random
from wit_world.imports import secrets as _secrets
from wit_world.imports import types as _types


class Failure(Exception):
    """An attempt that failed. `effect` is what it did to the world: none, settled, unknown."""

    def __init__(self, effect: str, code: str, message: str, evidence: Any = None):
        super().__init__(message)
        self.effect, self.code, self.message, self.evidence = effect, code, message, evidence

    def _lowered(self) -> _types.Failure:
        evidence = None if self.evidence is None else _json.dumps(self.evidence)
        effect = _types.Effected[self.effect.upper()]
        return _types.Failure(effect, self.code, self.message, evidence)


class Attempt:
    """An attempt of an action: what it is called with, and what it can tell."""

    def __init__(self, call: _types.Call):
        self.action, self.run, self.step = call.action, call.run, call.step
        self.number, self.idempotency_key = call.attempt, call.idempotency_key
        self.deadline = call.deadline

    def log(self, line: str, level: str = "info") -> None:
        """Adds a line to the attempt's log."""
        _attempt.log(_attempt.Level[level.upper()], line)

    def progress(self, line: str) -> None:
        """Replaces the line that watchers see."""
        _attempt.progress(line)

    def checkpoint(self, data: Any) -> None:
        """Keeps data for a later reconcile; it is durable when this returns."""
        try:
            _attempt.checkpoint(_json.dumps(data))
        except _Err as error:
            raise Failure("unknown", "not_kept", f"no checkpoint: {error.value.name}") from None

    def now(self) -> int:
        """Milliseconds since 1970, as the engine's records have them."""
        return _clock.now()

    def wait(self, ms: int) -> None:
        """Waits, unless the attempt is asked to stop or its time is over first."""
        try:
            _clock.wait(ms)
        except _Err as error:
            if error.value == _clock.Stop.CANCELLED:
                raise Failure("unknown", "cancelled", "the run asked to stop") from None
            raise Failure("unknown", "timeout", "the attempt's time is over") from None

    def random(self, count: int) -> bytes:
        """So many bytes that nobody can guess, at most 4096."""
        return _random.bytes(count)


def secret(name: str) -> _secrets.Secret:
    """The handle of a secret that an input names. No function gives its value."""
    try:
        return _secrets.open(name)
    except _Err:
        raise Failure("none", "no_secret", f"the step was given no secret `{name}`") from None


def bearer(handle: _secrets.Secret) -> list:
    """A header's value with a token."""
    return ["Bearer ", handle]


def basic(user: str, handle: _secrets.Secret) -> list:
    """A header's value with a user and a password."""
    return ["Basic ", (user, handle)]


def _part(part: Any) -> _http.Part:
    if isinstance(part, str):
        return _http.Part_Text(part)
    if isinstance(part, tuple):
        return _http.Part_Basic(part)
    return _http.Part_Secret(part)


class Answer:
    """What a target answered."""

    def __init__(self, answer: _http.Response):
        self.status, self.headers = answer.status, dict(answer.headers)
        self.body, self.truncated = answer.body, answer.truncated
        self.captured = answer.captured

    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return _json.loads(self.body)


_CODES = {
    "NOT_GRANTED": "not_granted", "INVALID": "bad_request", "RESOLVE": "resolve_failed",
    "ADDRESS": "address_refused", "CONNECT": "connect_failed", "TLS": "tls_failed",
    "TOO_LATE": "not_sent", "TIMEOUT": "timeout", "CUT": "connection_lost",
    "TOO_LARGE": "answer_too_large",
}


def send(
    url: str,
    method: str = "get",
    headers: Optional[dict] = None,
    json: Any = None,
    secrets: Optional[dict] = None,
    body: Optional[bytes] = None,
    timeout_ms: Optional[int] = None,
    capture: Optional[list] = None,
) -> Answer:
    """Sends one request and waits for the whole answer.

    In `headers`, a value is a text or a list of parts; in `secrets`, JSON pointers into
    `json` name the handles that take the place of values.
    """
    if json is not None:
        held = list((secrets or {}).items())
        lowered: Any = _http.Body_Json(_http.Document(_json.dumps(json), held))
    else:
        lowered = None if body is None else _http.Body_Bytes(body)
    fields = []
    for name, value in (headers or {}).items():
        parts = value if isinstance(value, list) else [value]
        fields.append(_http.Header(name, [_part(part) for part in parts]))
    places: list = [
        _http.Place_Json(place) if place.startswith("/") else _http.Place_Header(place)
        for place in capture or []
    ]
    request = _http.Request(
        _types.Method[method.upper()], url, fields, lowered, timeout_ms, places
    )
    try:
        return Answer(_http.send(request))
    except _Err as error:
        lost = error.value
        # Nothing happened only when no byte of it left.
        effect = "none" if lost.sent == _http.Sent.NO else "unknown"
        raise Failure(effect, _CODES[lost.kind.name], lost.message) from None


@dataclass
class Action:
    """One action of a plugin. `reads` and `sends` list the requests that it may send, such
    as `"GET https://api.example.com/v1/things/*"`; `input` and `output` are the properties of
    JSON Schemas, by name, where `name?` may be left out."""

    summary: str
    effect: str
    run: Callable[[Attempt, dict], dict]
    input: dict
    output: dict
    reads: tuple = ()
    sends: tuple = ()
    reconcile: Optional[Callable] = None
    undo: Optional[Callable] = None
    signs_with: tuple = ()
    provides: Optional[str] = None
    timeout_ms: Optional[int] = None
    settle_ms: int = 30_000
    observe_ms: Optional[int] = None

    def _entry(self, name: str) -> _types.Action:
        requests = [_request(given, True) for given in self.reads]
        requests += [_request(given, False) for given in self.sends]
        return _types.Action(
            name, self.summary, _schema(self.input), _schema(self.output),
            _types.Effect[self.effect.upper()],
            self.reconcile is not None, self.undo is not None, self.provides,
            requests, list(self.signs_with), self.timeout_ms, self.settle_ms, self.observe_ms,
        )


def _request(given: str, reads: bool) -> _types.AllowedRequests:
    methods, url = given.split(" ")
    return _types.AllowedRequests(
        [_types.Method[method] for method in methods.upper().split("|")], url, reads
    )


def _schema(properties: dict) -> str:
    named = {
        key.removesuffix("?"): {"type": value} if isinstance(value, str) else value
        for key, value in properties.items()
    }
    required = [key for key in properties if not key.endswith("?")]
    return _json.dumps({"type": "object", "properties": named, "required": required})


@dataclass
class Plugin:
    """What a plugin is; the classes of its module are made by `exports`."""

    name: str
    version: str
    summary: str
    actions: dict
    rate: Optional[tuple] = None

    def _action(self, call: _types.Call) -> Action:
        if call.action not in self.actions:
            message = f"this plugin has no action `{call.action}`"
            raise Failure("none", "no_action", message)
        return self.actions[call.action]

    def exports(self) -> tuple:
        """The classes `Describe`, `Run`, `Reconcile` and `Undo`, for the module that is built."""
        plugin = self

        class Describe(_exports.Describe):
            def describe(self) -> _types.Manifest:
                rate = None if plugin.rate is None else _types.Rate(*plugin.rate)
                entries = [action._entry(name) for name, action in plugin.actions.items()]
                return _types.Manifest(
                    plugin.name, plugin.version, plugin.summary, entries, rate
                )

        class Run(_exports.Run):
            def run(self, call: _types.Call, input: str) -> str:
                def work() -> str:
                    output = plugin._action(call).run(Attempt(call), _json.loads(input))
                    return _json.dumps(output or {})

                return _guarded(work)

        class Reconcile(_exports.Reconcile):
            def reconcile(self, call: _types.Call, input: str, doubt: _types.Doubt):
                try:
                    look = plugin._action(call).reconcile
                    given = {
                        "phase": doubt.phase.name.lower(),
                        "checkpoint": _kept(doubt.checkpoint),
                    }
                    return _answer(look(Attempt(call), _json.loads(input), given))
                except Exception as error:
                    raise _Err(str(error)) from None

        class Undo(_exports.Undo):
            def undo(self, call: _types.Call, input: str, checkpoint: Optional[str]) -> None:
                undo = plugin._action(call).undo
                _guarded(lambda: undo(Attempt(call), _json.loads(input), _kept(checkpoint)))

        return Describe, Run, Reconcile, Undo


def _kept(checkpoint: Optional[str]) -> Any:
    return None if checkpoint is None else _json.loads(checkpoint)


def _guarded(work: Callable) -> Any:
    """What a function raises becomes a failure; what nobody thought of, an unknown one."""
    try:
        return work()
    except Failure as failure:
        lowered = failure._lowered()
    except Exception as error:
        _attempt.log(_attempt.Level.ERROR, _told(error))
        lowered = Failure("unknown", "exception", repr(error))._lowered()
    raise _Err(lowered)


def _told(error: Exception) -> str:
    """An exception and where it came from; `traceback` would look for files."""
    lines, at = [repr(error)], error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        lines.append(f"  {code.co_filename}:{at.tb_lineno} in {code.co_name}")
        at = at.tb_next
    return "\n".join(lines)


def _answer(given: dict) -> Any:
    """From `{"happened": …}`, `not_happened`, `settled`, `in_progress` or `unknown`."""
    (kind, value), = given.items()
    if kind == "happened":
        return _types.Answer_Happened(_json.dumps(value))
    if kind == "not_happened":
        return _types.Answer_NotHappened(_json.dumps(value))
    if kind == "settled":
        return _types.Answer_Settled(_json.dumps(value))
    if kind == "in_progress":
        return _types.Answer_InProgress(value)
    return _types.Answer_Unknown(value)
