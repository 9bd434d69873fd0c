"""Tables and constraints, no behaviour. Importing this package registers all of them."""

from shared.models.audit import AuditEntry
from shared.models.clinic import Clinic, ClinicLanguage, PasswordLink, User, UserSession
from shared.models.company import Company, CompanyAddress, CompanyLanguage, HuntGroup, HuntGroupMember
from shared.models.display import Display
from shared.models.factor import PasswordProof, RecoveryCode, SecondFactor
from shared.models.jobs import JobRun
from shared.models.mail import Mail
from shared.models.request import Invite, InviteAddress, InviteOpening, Request, RequestVisit
from shared.models.throttle import Throttle
from shared.models.visit import Appointment, Confirmation, Recurrence, Visit

__all__ = [
    "Appointment",
    "AuditEntry",
    "Clinic",
    "ClinicLanguage",
    "Company",
    "CompanyAddress",
    "CompanyLanguage",
    "Confirmation",
    "Display",
    "HuntGroup",
    "HuntGroupMember",
    "Invite",
    "InviteAddress",
    "InviteOpening",
    "JobRun",
    "Mail",
    "PasswordLink",
    "PasswordProof",
    "RecoveryCode",
    "Recurrence",
    "Request",
    "RequestVisit",
    "SecondFactor",
    "Throttle",
    "User",
    "UserSession",
    "Visit",
]
