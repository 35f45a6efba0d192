import os

from crewai.tools import BaseTool
from twilio.rest import Client


class SendText(BaseTool):
    name: str = "send_text"
    description: str = "Send a text message to a phone number in E.164 form."

    def _run(self, to: str, body: str) -> str:
        client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
        message = client.messages.create(to=to, from_="+15005550006", body=body)
        return f"{message.status}: {message.sid}"
