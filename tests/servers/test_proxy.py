"""The network that fails: what reaches the server, and what comes back."""

import http.client
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.proxy import Fault, proxy


class Echo(BaseHTTPRequestHandler):
    """Sends back what it gets."""

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def echo():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.heard = []
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def network(echo):
    echo.heard.clear()
    with proxy(f"http://127.0.0.1:{echo.server_port}") as made:
        yield made


def put(url, body=b"sent"):
    with urllib.request.urlopen(urllib.request.Request(url, body, method="PUT"), timeout=10) as answer:
        return answer.read()


@pytest.mark.parametrize(
    ("fault", "heard"),
    [(Fault.LOST, 1), (Fault.LOST_503, 1), (Fault.REFUSED, 0), (Fault.BUSY, 0), (Fault.CUT, 1)],
)
def test_one_call_fails_before_or_after_the_server_did_it(echo, network, fault, heard):
    network.on(fault, "/one$", skip=1)
    assert put(f"{network.url}/one?a=b") == put(f"{network.url}/other") == b"sent"
    with pytest.raises((urllib.error.URLError, ConnectionError, http.client.IncompleteRead)):
        put(f"{network.url}/one")
    assert put(f"{network.url}/one") == b"sent"
    assert (len(echo.heard), network.count("one")) == (3 + heard, 3)


def test_altered_bytes_have_the_length_of_the_right_ones(network):
    network.on(Fault.ALTERED)
    assert put(network.url) == b"seot"
    assert put(network.url) == b"sent"


def test_bodies_in_chunks_arrive_whole(network):
    connection = http.client.HTTPConnection(network.url.removeprefix("http://"))
    connection.request("PUT", "/", iter([b"a" * 9, b"b" * 99]), encode_chunked=True)
    assert connection.getresponse().read() == b"a" * 9 + b"b" * 99
    connection.close()
