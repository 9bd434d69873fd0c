"""When each job last ran."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base, text


class JobRun(Base):
    """The heartbeat of one job: when it last began and when it last came to its end."""

    __tablename__ = "job_run"

    name: Mapped[str] = mapped_column(text(40), primary_key=True)
    started_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
