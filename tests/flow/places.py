"""Where each kind of marked word or secret may be found. Each is found everywhere that its row names, and nowhere else:
a place that is not named is a leak, and one where nothing is found any more has to leave its row."""

CLINIC = {"page of the clinic"}
COMPANY = {"page of a company", "mail to a company"}
FILE = {"patient's data as a file"}

PATIENT_NAME = "patient's name"
PATIENT = {
    PATIENT_NAME: CLINIC | FILE | {"database visit.patient_name", "database visit.patient_search"},
    "patient's contact": CLINIC | FILE | {"database visit.patient_contact"},
    "reason": CLINIC | FILE | {"database visit.reason"},
    "reason for cancelling": CLINIC | FILE | {"database visit.cancel_reason"},
}
"""Never in a mail, on a company's page, in another clinic, in an address, a cookie, the trail or a log."""

TOLD = {
    "notes": CLINIC | FILE | COMPANY | {"database request.notes"},
    "reason for declining": {
        "database invite.decline_reason",
        "own page of a company",
        "own page of the clinic",
        "own patient's data as a file",
    },
    "responder": {
        "database invite.responder",
        "own mail to a company",
        "own mail to the clinic",
        "own page of a company",
        "own page of the clinic",
        "own patient's data as a file",
        "own trail as a file",
    },
}
"""What clinic and companies tell each other. The form asks not to write of the patient there."""

LINKS = {
    "invite link": {"own mail to a company", "own address of the vendor portal", "own page of a company"},
    "guest link": {"own mail to a company", "own address of the vendor portal", "own page of a company"},
    "password link": {"own mail to the clinic", "own address of the portal", "own page without a login"},
}
"""Signatures: in the mail to their reader, and where that reader goes with them. Never at rest, never in a log. They do
stand in addresses, hence no access log of a company's site."""

NAMES_OF_LINKS = {
    "invite link's public name": LINKS["invite link"] | {"database invite_address.link_id"},
    "guest link's public name": LINKS["guest link"] | {"database invite.guest_id"},
    "password link's public name": LINKS["password link"]
    | {"database password_link.link_id", "database mail.dedupe_key"},
}
"""Without a signature they open nothing, so the database may hold them."""

DOORS = {
    "room": {
        "database appointment.room",
        "own way into the meeting",
        "own answer to the meeting server",
        "own page of a company",  # what a redirect says to a browser that does not follow
        "own page of the clinic",
    },
    "PIN": {
        "database appointment.pin",
        "own mail to a company",
        "own page of a company",
        "own page of the clinic",
        "own address of the vendor portal",  # the meeting server's question, as Jitsi asks it
        "own answer to the meeting server",
    },
}

LOGINS: dict[str, set[str]] = {
    "session token": {"own cookie of the portal"},
    "CSRF token": {
        "own cookie of the portal",
        "own page of the clinic",
        "own page of another clinic",
        "own page without a login",
    },
    "password": set(),
}

KEYS: dict[str, set[str]] = {
    "SECRET_KEY": set(),
    "MAIL_PASSWORD": set(),
    "MEETING_JWT_SECRET": set(),
    "CONFERENCE_MAPPER_SECRET": set(),
}

PLACES = PATIENT | TOLD | LINKS | NAMES_OF_LINKS | DOORS | LOGINS | KEYS

GONE = [*PATIENT, *TOLD]
"""What is nowhere any more once everything has been kept long enough."""
