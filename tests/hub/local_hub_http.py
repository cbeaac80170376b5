"""One connection to the Hub on loopback: requests read, faults met, answers sent, for local_hub_api.py."""

import json
import urllib.parse
from http.server import BaseHTTPRequestHandler

from local_hub import HubError


class Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    hub = None  # the LocalHub, of a subclass

    def log_message(self, *_):
        pass

    def handle_request(self) -> None:
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        fault = self.hub.fault_for(self.command, path)
        mid_body = fault is not None and fault.drop in (True, "request")
        if mid_body and self._has_body():
            self.rfile.read1(1_000)
            return self._hang_up(path)
        self.body = self._read()
        try:
            if fault and fault.status:
                raise HubError(fault.status, (fault.body or {}).get("error", "injected"), headers=fault.headers)
            status, body, headers = self._answer(path)
        except HubError as error:
            code = {"X-Error-Code": error.code} if error.code else {}
            status, body, headers = error.status, {"error": error.message}, {**code, **error.headers}
        if mid_body and self.command != "HEAD":
            self._send(status, body, headers, share=0.5)
        if fault and fault.drop:
            return self._hang_up(path)
        self.hub.requests.append((self.command, path, status))
        self._send(status, body, headers)
        return None

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request

    def _answer(self, path: str) -> tuple[int, object, dict[str, str]]:
        """Status, bytes or what becomes JSON, and headers. Raises HubError for an answer that is none of 200."""
        raise NotImplementedError

    def _hang_up(self, path: str) -> None:
        self.hub.requests.append((self.command, path, 0))
        self.close_connection = True

    def _chunked(self) -> bool:
        return self.headers.get("Transfer-Encoding", "").lower() == "chunked"

    def _has_body(self) -> bool:
        return self._chunked() or int(self.headers.get("Content-Length") or 0) > 0

    def _read(self) -> bytes:
        if not self._chunked():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, body, headers, share: float = 1) -> None:
        """share: of the body, how much is sent of what the head announces."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: int(len(content) * share)])
