"""A server that speaks as OpenAI does and decides by what it is asked, for crews that name a model and no object of ours."""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def decide(messages, tools):
    """The manager orders a charge and then, wrongly, a refund from the same agent; an agent does what it is told."""
    results = [str(message["content"]) for message in messages if message["role"] == "tool"]
    if "delegate_work_to_coworker" in tools:
        orders = ["charge 500 cents", f"refund {results[0]}" if results else ""]
        if len(results) == len(orders):
            return " | ".join(results)
        order = {"task": orders[len(results)], "context": "none", "coworker": "Billing agent"}
        return {"name": "delegate_work_to_coworker", "arguments": order}
    if results:
        return results[-1]
    payment = re.search(r"refund .*?(pi_\w+)", str(messages[-1]["content"]))
    if payment is not None and "refund" in tools:
        return {"name": "refund", "arguments": {"payment_intent": payment[1]}}
    return {"name": "charge", "arguments": {"amount": 500}}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        decision = decide(body["messages"], [tool["function"]["name"] for tool in body.get("tools", [])])
        if isinstance(decision, str):
            message, reason = {"role": "assistant", "content": decision}, "stop"
        else:
            function = {"name": decision["name"], "arguments": json.dumps(decision["arguments"])}
            calls = [{"id": f"call_{len(body['messages'])}", "type": "function", "function": function}]
            message, reason = {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"
        choice = {"index": 0, "message": message, "finish_reason": reason}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        answer = {"id": "chat_1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextmanager
def open_model():
    """Gives the variables by which the OpenAI SDK finds it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1"}
    finally:
        server.shutdown()
        server.server_close()
