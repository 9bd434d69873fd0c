"""What mails say: letters (what one mail is about) and their rendering to MIME, with calendar files."""

from shared.mails.letters import Letter, OfferVisit, PasswordLetter
from shared.mails.render import MailRenderer, UnmailableError

__all__ = ["Letter", "MailRenderer", "OfferVisit", "PasswordLetter", "UnmailableError"]
