"""How often something was tried lately."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base, text


class Throttle(Base):
    """A bucket of tries: full of what is left of them until ``empty_at``, worth nothing from then on.

    ``key`` is a keyed hash of a person, a network or a browser: the table alone names nobody.
    """

    __tablename__ = "throttle"

    key: Mapped[str] = mapped_column(text(64), primary_key=True)
    empty_at: Mapped[datetime] = mapped_column(index=True)
