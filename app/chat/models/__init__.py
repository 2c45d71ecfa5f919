from app.chat.models.attachment import Attachment
from app.chat.models.canned_reply import CannedReply, CannedReplyError
from app.chat.models.conversation import CLOSED, OPEN, SNOOZED, Conversation
from app.chat.models.guest import Guest, Surroundings
from app.chat.models.label import ConversationLabel, Label, LabelError
from app.chat.models.message import Message
from app.chat.models.settings import ChatSettings

__all__ = [
    "CLOSED",
    "OPEN",
    "SNOOZED",
    "Attachment",
    "CannedReply",
    "CannedReplyError",
    "ChatSettings",
    "Conversation",
    "ConversationLabel",
    "Guest",
    "Label",
    "LabelError",
    "Message",
    "Surroundings",
]
