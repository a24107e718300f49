"""A network that fails: a loopback proxy that loses answers, refuses, cuts bodies short, and is slow."""

import http.client
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

MUTATING = ("POST", "PUT", "PATCH", "DELETE")
_HOP = {"connection", "expect", "keep-alive", "transfer-encoding", "content-length"}


class Fault(Enum):
    """What happens to a call."""

    LOST = auto()
    """The server does it, and the connection closes without an answer."""
    LOST_503 = auto()
    """The server does it, and the answer is that it is not available."""
    REFUSED = auto()
    """The connection closes, and the server never hears of it."""
    BUSY = auto()
    """The answer is 503, and the server never hears of it."""
    CUT = auto()
    """The connection closes in the middle of the answer's body."""
    ALTERED = auto()
    """One byte in the middle of the answer's body is another one."""


@dataclass(frozen=True)
class Answer:
    """What is said instead, and the server never hears of the call."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Call:
    """One request that came in."""

    method: str
    path: str
    """Without the query."""


@dataclass
class Rule:
    """A fault for the calls it applies to: ``skip`` of them pass, then it happens ``times`` times."""

    fault: Fault | Answer
    path: str
    methods: Collection[str]
    skip: int
    times: int

    def applies(self, call: Call) -> bool:
        """Tell whether this call fails, and count it."""
        if call.method not in self.methods or not re.search(self.path, call.path):
            return False
        self.skip -= 1
        if self.skip >= 0:
            return False
        self.times -= 1
        return self.times >= 0


class Proxy:
    """Where clients go instead of ``target``."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.delay = 0.0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.reset()

    def on(
        self,
        fault: Fault | Answer,
        path: str = "",
        *,
        methods: Collection[str] = MUTATING,
        skip: int = 0,
        times: int = 1,
    ) -> None:
        """Spoil calls whose path has this regular expression in it."""
        self._rules.append(Rule(fault, path, methods, skip, times))

    def reset(self) -> None:
        """Forget calls and faults."""
        self.calls: list[Call] = []
        self.received = 0
        """Bytes of the bodies that the server answered."""
        self._rules: list[Rule] = []

    def count(self, path: str = "", methods: Collection[str] = MUTATING) -> int:
        return sum(call.method in methods and bool(re.search(path, call.path)) for call in self.calls)

    def fault(self, call: Call) -> Fault | Answer | None:
        """Note a call and return what happens to it."""
        with self._lock:
            self.calls.append(call)
            return next((rule.fault for rule in self._rules if rule.applies(call)), None)

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_call(self) -> None:
            sent = _body(self)
            fault = proxy.fault(Call(self.command, self.path.partition("?")[0]))
            time.sleep(proxy.delay)
            self.close_connection = fault is not None
            if isinstance(fault, Answer):
                _answer(self, fault.status, dict(fault.headers), fault.body)
            elif fault is Fault.BUSY:
                _answer(self, 503, {}, b"")
            elif fault is not Fault.REFUSED:
                status, headers, body = _forward(proxy.target, self, sent)
                proxy.received += len(body)
                _pass_on(self, fault, status, headers, body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_call  # noqa: N815 - names of the base class

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    pieces = []
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        pieces.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(pieces)


def _forward(target: str, handler: BaseHTTPRequestHandler, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Call the server with all headers as they came: signatures cover the host's name."""
    upstream = http.client.HTTPConnection(urlsplit(target).netloc, timeout=120)
    headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP}
    if sent or handler.command in MUTATING:
        headers["Content-Length"] = str(len(sent))
    try:
        upstream.request(handler.command, handler.path, sent or None, headers)
        answer = upstream.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    except OSError:
        return 502, {}, b""
    finally:
        upstream.close()


def _pass_on(
    handler: BaseHTTPRequestHandler, fault: Fault | None, status: int, headers: dict[str, str], body: bytes
) -> None:
    spoil: dict[Fault | None, Callable[[], None]] = {
        Fault.LOST: lambda: None,
        Fault.LOST_503: lambda: _answer(handler, 503, {}, b""),
        Fault.CUT: lambda: _answer(handler, status, headers, body, body[: len(body) // 2]),
        Fault.ALTERED: lambda: _answer(handler, status, headers, _altered(body)),
        None: lambda: _answer(handler, status, headers, body),
    }
    spoil[fault]()


def _answer(
    handler: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    body: bytes,
    sent: bytes | None = None,
) -> None:
    handler.send_response_only(status)
    for name, value in headers.items():
        if name.lower() not in _HOP:
            handler.send_header(name, value)
    length = headers.get("Content-Length") if handler.command == "HEAD" else None
    handler.send_header("Content-Length", length or str(len(body)))
    handler.end_headers()
    handler.wfile.write(body if sent is None else sent)


def _altered(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """Give a proxy before a server."""
    made = Proxy(target)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
