"""A line to a tracking server that can be made to fail: answers 500, or answers late."""

from __future__ import annotations

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}


class Proxy:
    """Passes requests on; a context manager."""

    def __init__(self, port: int) -> None:
        """Stand in front of a server on loopback."""
        self.broken = False
        """Answer 500 to everything."""
        self.delay = 0.0
        """Seconds before every answer."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, port))
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Begin to listen."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


def _handler(proxy: Proxy, port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            time.sleep(proxy.delay)
            if proxy.broken:
                self._answer(500, {}, b'{"error_code": "INTERNAL_ERROR", "message": "injected"}')
                return
            there = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            kept = {name: v for name, v in self.headers.items() if name.lower() not in HOP}
            there.request(self.command, self.path, body, kept)
            answer = there.getresponse()
            content = answer.read()
            there.close()
            self._answer(answer.status, dict(answer.getheaders()), content)

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _pass_on  # noqa: N815 - http.server's

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
