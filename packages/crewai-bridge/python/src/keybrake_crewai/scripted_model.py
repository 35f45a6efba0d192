"""A model that follows a script, for trying a crew without a real one.

``python -m keybrake_crewai.scripted_model script.json -- COMMAND`` serves OpenAI's chat completions on a free loopback
port and runs the command with ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY`` set to it; when ``OPENAI_API_KEY`` is set already, the
command gets that model and the script is not used. The script lists, for each role, what
that agent does turn by turn: ``{"call": tool, "with": arguments}`` or ``{"say": text}``. ``{last:REGEX}`` in a text stands
for the latest match in the conversation so far. A turn that the script does not have is answered with HTTP 400, so that a
crew that goes astray ends instead of looping.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = dict[str, list[dict[str, Any]]]

_BODY_BYTES_MAX = 4 * 1024 * 1024
_EXCERPT_LENGTH = 300
_PLACEHOLDER = re.compile(r"\{last:([^}]+)\}")


class ScriptError(ValueError):
    """The conversation is at a point that the script does not have."""


def next_message(script: Script, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The assistant's next message: a pure function of the script and of the conversation so far."""
    texts = [_text_of(message) for message in messages]
    opening = next((text for text, message in zip(texts, messages) if message.get("role") == "system"), texts[0])
    role = next((role for role in script if f"You are {role}" in opening), None)
    if role is None:
        raise ScriptError("the script has none of the roles that the first message names")
    turn = sum(message.get("role") == "assistant" for message in messages)
    if turn >= len(script[role]):
        raise ScriptError(f"`{role}` has only {len(script[role])} turns in the script")
    step = script[role][turn]
    if "say" in step:
        return {"role": "assistant", "content": _fill(step["say"], texts)}
    arguments = json.dumps(_fill(step["with"], texts))
    call = {"id": f"call_{turn}", "type": "function", "function": {"name": step["call"], "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _text_of(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else json.dumps(content)


def _fill(value: Any, texts: list[str]) -> Any:
    if isinstance(value, dict):
        return {name: _fill(inner, texts) for name, inner in value.items()}
    if not isinstance(value, str):
        return value

    def latest(placeholder: re.Match[str]) -> str:
        found = re.findall(placeholder[1], "\n".join(texts))
        if not found:
            latest_text = texts[-1][-_EXCERPT_LENGTH:]
            raise ScriptError(f"nothing in the conversation matches `{placeholder[1]}`; it ends with: {latest_text}")
        return str(found[-1])

    return _PLACEHOLDER.sub(latest, value)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:  # noqa: N802 (the name that http.server calls)
        length = int(self.headers.get("Content-Length") or 0)
        if length > _BODY_BYTES_MAX:
            return self._answer(413, {"error": {"message": "the request is too long"}})
        request = json.loads(self.rfile.read(length))
        try:
            message = next_message(self.server.script, request["messages"])
        except ScriptError as error:
            print(f"scripted model: {error}", file=sys.stderr)
            return self._answer(400, {"error": {"message": str(error), "type": "invalid_request_error"}})
        reason = "tool_calls" if "tool_calls" in message else "stop"
        completion = {
            "id": "chatcmpl-script",
            "object": "chat.completion",
            "created": 0,
            "model": request.get("model", "script"),
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        return self._answer(200, completion)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the crew's own output is what people want to see."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script


def main(arguments: list[str]) -> int:
    """Runs a command against the script; returns its exit code."""
    if len(arguments) < 3 or arguments[1] != "--":
        print("usage: python -m keybrake_crewai.scripted_model script.json -- COMMAND …", file=sys.stderr)
        return 2
    if os.environ.get("OPENAI_API_KEY"):
        return subprocess.run(arguments[2:], check=False).returncode
    with open(arguments[0], encoding="utf-8") as file:
        server = _Server(json.load(file))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    model = {"OPENAI_BASE_URL": address, "OPENAI_API_BASE": address, "OPENAI_API_KEY": "scripted"}
    try:
        return subprocess.run(arguments[2:], env={**os.environ, **model}, check=False).returncode
    finally:
        server.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
