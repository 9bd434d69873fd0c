"""Names of meeting rooms: nobody guesses one."""

from math import log2

from shared.meeting import new_room


def test_a_rooms_name_has_more_than_128_bits_of_chance() -> None:
    """Measured: how many characters each place takes, over many names."""
    rooms = [new_room() for _ in range(2000)]
    drawn = [room.removeprefix("visit-") for room in rooms]

    assert len(set(rooms)) == 2000
    assert all(room == room.lower() for room in rooms)
    assert sum(log2(len(set(place))) for place in zip(*drawn, strict=True)) >= 128
