"""A server on loopback that speaks OpenAI's chat completions, with faults on demand.

with ChatServer(answer='["car"]') as server:
    ChatPhraser(EndpointChat("any", base_url=server.url))(frames)
    server.faults = ["error", "reset"]  # of the next two requests
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HUGE = 32 << 20  # bytes


class ChatServer:
    """Answers every request with `answer`, after the faults that wait.

    Attributes:
        faults: What goes wrong with the next requests, one each: `error` (500), `busy` (429), `denied` (401),
            `reset`, `slow` (no reply until the server is stopped), `drip` (one byte every 0.05 s), `invalid`
            (no JSON), `schema` (other JSON), `nested`, `huge`, `cut` (closes in the middle).
        always: A fault of every request, or None.
        requests: The bodies of the requests so far.
        streams: Whether to stream: None does as the request says.
        busiest: Most requests at once so far.
    """

    def __init__(self, answer: str | Callable[[dict[str, Any]], Any] = '["car"]', port: int = 0) -> None:
        self.answer = answer
        self.faults: list[str] = []
        self.always: str | None = None
        self.requests: list[dict[str, Any]] = []
        self.streams: bool | None = None
        self.delay = 0.0
        self.busiest = self._now = 0
        self.keys: list[str | None] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> ChatServer:
        self._stopped.clear()
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def serve(self, handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        with self._lock:
            self.requests.append(body)
            self.keys.append(handler.headers.get("Authorization"))
            fault = self.faults.pop(0) if self.faults else self.always
            self._now += 1
            self.busiest = max(self.busiest, self._now)
        try:
            time.sleep(self.delay)
            self._reply(handler, body, fault)
        finally:
            with self._lock:
                self._now -= 1

    def _reply(self, handler: BaseHTTPRequestHandler, body: dict[str, Any], fault: str | None) -> None:
        answer = self.answer(body) if callable(self.answer) else self.answer
        stream = body.get("stream", False) if self.streams is None else self.streams
        data = _events(answer) if stream else json.dumps(_completion("message", answer)).encode()
        kind = "text/event-stream" if stream else "application/json"
        if fault in ("error", "busy", "denied"):
            status = {"error": 500, "busy": 429, "denied": 401}[fault]
            _send(handler, b'{"error": {"message": "no"}}', status=status)
        elif fault == "reset":
            linger = struct.pack("ii", 1, 0)  # closes with RST
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            for file in (handler.rfile, handler.wfile, handler.connection):
                file.close()
        elif fault == "slow":
            self._stopped.wait()
        elif fault in ("drip", "huge", "cut"):
            handler.send_response(200)
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(HUGE))
            handler.end_headers()
            self._pour(handler, data, fault)
        else:
            nonsense = {"invalid": b"<html>", "schema": b'{"choices": [7]}', "nested": b"[" * 200_000}
            _send(handler, data if fault is None else nonsense[fault], kind)

    def _pour(self, handler: BaseHTTPRequestHandler, data: bytes, fault: str) -> None:
        sent = 0
        while sent < HUGE and fault != "cut" and not self._stopped.is_set():
            piece = b"x" if fault == "drip" else b'"' + b"x" * 65536
            sent += handler.wfile.write(piece)
            self._stopped.wait(0.05 if fault == "drip" else 0)
        if fault == "cut":
            handler.wfile.write(data[: len(data) // 2])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)


def _completion(key: str, content: Any) -> dict[str, Any]:
    choice = {"index": 0, key: {"role": "assistant", "content": content}, "finish_reason": None}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "any", "choices": [choice]}


def _events(answer: Any) -> bytes:
    pieces = [answer]
    if isinstance(answer, str):
        pieces = [answer[i : i + 3] for i in range(0, len(answer), 3)]
    events = [_completion("delta", piece) for piece in pieces] + [{"choices": [], "usage": {}}]
    return (
        b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    )


def _send(
    handler: BaseHTTPRequestHandler, data: bytes, kind: str = "application/json", status: int = 200
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def _handler(server: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            server.serve(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def handle(self) -> None:
            with contextlib.suppress(OSError, ValueError):  # the client has gone, or was sent away
                super().handle()

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
