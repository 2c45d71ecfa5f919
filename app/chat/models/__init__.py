from app.chat.models.attachment import Attachment
from app.chat.models.conversation import CLOSED, OPEN, SNOOZED, Conversation
from app.chat.models.guest import Guest, Surroundings
from app.chat.models.message import Message
from app.chat.models.settings import ChatSettings

__all__ = [
    "CLOSED",
    "OPEN",
    "SNOOZED",
    "Attachment",
    "ChatSettings",
    "Conversation",
    "Guest",
    "Message",
    "Surroundings",
]
