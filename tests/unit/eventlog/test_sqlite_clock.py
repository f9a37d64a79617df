"""The clocks of the embedded log."""

from pathlib import Path

from eventlog.sqlite_clock import SystemClock, boot_id


def test_the_boot_id_is_what_the_kernel_says(tmp_path: Path) -> None:
    """The id is read without the line's end."""
    (tmp_path / "boot_id").write_text("1b4e28ba-2fa1-11d2-883f-0016d3cca427\n")
    assert boot_id(tmp_path / "boot_id") == "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def test_without_a_boot_id_it_is_empty(tmp_path: Path) -> None:
    """A system that names no boot still has leases."""
    assert boot_id(tmp_path / "absent") == ""


def test_moments_go_on_and_name_their_boot() -> None:
    """Two moments of one process are of one boot and in order."""
    clock = SystemClock()
    first, second = clock.moment(), clock.moment()
    assert first.boot == second.boot == boot_id()
    assert 0 < first.ms <= second.ms


def test_the_wall_clock_is_in_milliseconds() -> None:
    """It lies between the year 2026 and the year 2100."""
    assert 1_767_225_600_000 < SystemClock().wall() < 4_102_444_800_000
