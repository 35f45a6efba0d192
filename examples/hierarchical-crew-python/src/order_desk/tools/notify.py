import os

import resend
from crewai.tools import tool
from twilio.rest import Client

resend.api_key = os.environ["RESEND_API_KEY"]


@tool("send_text")
def send_text(to: str, body: str) -> str:
    """Send a text message to a phone number in E.164 form."""
    client = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
    message = client.messages.create(to=to, from_="+15005550006", body=body)
    return f"{message.status}: {message.sid}"


@tool("send_mail")
def send_mail(to: str, subject: str, text: str) -> str:
    """Send a mail in plain text."""
    mail = resend.Emails.send({"from": "Orders <orders@example.com>", "to": [to], "subject": subject, "text": text})
    return f"sent: {mail['id']}"
