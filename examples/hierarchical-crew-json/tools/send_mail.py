import os

import resend
from crewai.tools import BaseTool

resend.api_key = os.environ["RESEND_API_KEY"]


class SendMail(BaseTool):
    name: str = "send_mail"
    description: str = "Send a mail in plain text."

    def _run(self, to: str, subject: str, text: str) -> str:
        mail = resend.Emails.send({"from": "Orders <orders@example.com>", "to": [to], "subject": subject, "text": text})
        return f"sent: {mail['id']}"
