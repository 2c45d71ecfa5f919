"""Who uses Candor: organizations, users, members, their sign-ins and keys, and what they did."""

from app.accounts.models.api_key import ApiKey
from app.accounts.models.audit import AuditEntry
from app.accounts.models.email_verification import EmailVerification
from app.accounts.models.invitation import Invitation
from app.accounts.models.member import Member
from app.accounts.models.organization import Organization
from app.accounts.models.password_reset import PasswordReset
from app.accounts.models.sign_in import SignIn
from app.accounts.models.sign_up import SignUp
from app.accounts.models.user import User

__all__ = [
    "ApiKey",
    "AuditEntry",
    "EmailVerification",
    "Invitation",
    "Member",
    "Organization",
    "PasswordReset",
    "SignIn",
    "SignUp",
    "User",
]
