"""Error kinds that a person can be told about. A bug is none of these: it rises."""


class DomainError(Exception):
    """A wish that can't be met, with a sentence for the person who had it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotFoundError(DomainError):
    """No such thing for this clinic or this link; what belongs to another clinic counts as absent."""

    def __init__(self, sentence: str = "This page does not exist, or it is not yours to see.") -> None:
        super().__init__(sentence)


class UnchangeableError(DomainError):
    """A visit that can't be changed (any more): cancelled, begun or over."""


class LastAdminError(DomainError):
    """Nobody would be left to administer the clinic."""


class BusyError(Exception):
    """Too many want the same costly thing at once; the same wish can be met a moment later."""


class CommitInDoubtError(Exception):
    """The connection to the database broke while a transaction was being committed: it may hold or not."""


class SettingsError(Exception):
    """The environment does not describe a runnable product; the message lists every fault at once."""
