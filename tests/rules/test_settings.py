"""Settings: every fault at once, no secret shown, defaults only in development."""

from dataclasses import fields
from pathlib import Path

import pytest

from shared.errors import SettingsError
from shared.settings import Settings, from_environ

PRODUCTION = {
    "SECRET_KEY": "k" * 40,
    "DATABASE_URL": "postgresql://dispatch:correct-horse@db.example/dispatch",
    "PORTAL_URL": "https://portal.example",
    "VENDOR_PORTAL_URL": "https://vendor.example/",
    "MAIL_SERVER": "mail.example",
    "MAIL_SENDER": "Dispatch <dispatch@example.org>",
    "MEETING_URL": "https://meet.example",
}

SECRETS = {
    "SECRET_KEY": "hush-hush-1" * 4,
    "DATABASE_URL": "postgresql://d:hush-hush-2@db.example/d",
    "MAIL_PASSWORD": "hush-hush-3",
    "MEETING_JWT_SECRET": "hush-hush-4" * 4,
    "CONFERENCE_MAPPER_SECRET": "hush-hush-5" * 4,
}
PAIRS = {"MAIL_USERNAME": "dispatch", "MEETING_JWT_APP_ID": "dispatch"}


def faults_of(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        from_environ(PRODUCTION | environ)
    return str(caught.value)


def development(folder: Path, **environ: str) -> Settings:
    return from_environ({"DEVELOPMENT": "1", "INSTANCE_PATH": str(folder), **environ})


def test_a_whole_set_of_settings_is_taken_as_it_is() -> None:
    settings = from_environ(PRODUCTION)

    assert settings.database_url == "postgresql+psycopg://dispatch:correct-horse@db.example/dispatch"
    assert settings.vendor_portal_url == "https://vendor.example"
    assert settings.mail_domain == "example.org"
    assert settings.secret_keys == ("k" * 40,)
    assert (settings.mail_port, settings.mail_use_tls, settings.secure_cookies) == (587, True, True)
    assert (settings.session_idle_minutes, settings.session_absolute_hours, settings.keep_logins_days) == (15, 12, 90)
    assert not settings.development
    assert not settings.dev_mailbox


def test_an_empty_environment_is_told_everything_that_is_missing_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        from_environ({})

    needed = set(PRODUCTION) - {"DATABASE_URL"}
    assert all(f"{name} is missing" in str(caught.value) for name in needed)


def test_all_faults_stand_in_one_message() -> None:
    message = faults_of(
        MAIL_PORT="99999",
        MAIL_TIMEOUT_SECONDS="soon",
        MAIL_USE_TLS="perhaps",
        PORTAL_URL="portal.example",
        VENDOR_PORTAL_URL="http://[half",
        MAIL_SENDER="nobody",
        SESSION_IDLE_MINUTES="0",
        SESSION_ABSOLUTE_HOURS="٣",
        KEEP_LOGINS_DAYS="0",
        MEETING_JWT_APP_ID="dispatch",
        MAIL_USERNAME="dispatch",
        DATABASE_URL="mysql://dispatch@db.example/dispatch",
        LOG_FORMAT="xml",
        METRICS_ADDRESS="everywhere",
        JOBS_PORT="0",
        PROXY_COUNT="many",
        TRUSTED_HOSTS="portal.example, https://other.example",
        MAIL_CA_FILE="/nowhere/ca.pem",
    )

    for fault in (
        "MAIL_PORT must be a whole number from 1 to 65535",
        "MAIL_TIMEOUT_SECONDS must be a whole number from 1 to 60",
        "MAIL_USE_TLS must be 1 or 0",
        "PORTAL_URL must be an http or https address",
        "VENDOR_PORTAL_URL must be an http or https address",
        "MAIL_SENDER must be a mail address",
        "SESSION_IDLE_MINUTES must be a whole number from 1 to 1440",
        "SESSION_ABSOLUTE_HOURS must be a whole number from 1 to 168",
        "KEEP_LOGINS_DAYS must be a whole number from 1 to 3650",
        "MEETING_JWT_APP_ID and MEETING_JWT_SECRET go together",
        "MAIL_USERNAME and MAIL_PASSWORD go together",
        "DATABASE_URL must be the address of a SQLite or PostgreSQL database",
        "LOG_FORMAT must be json or text",
        "METRICS_ADDRESS must be an IP address",
        "JOBS_PORT must be a whole number from 1 to 65535",
        "PROXY_COUNT must be a whole number from 0 to 9",
        "TRUSTED_HOSTS must be host names without ports, separated by commas",
        "MAIL_CA_FILE must be a file that exists",
    ):
        assert fault in message


def test_no_message_and_no_printed_settings_show_a_secret() -> None:
    secrets = {
        "SECRET_KEY": "hush-hush-1",
        "DATABASE_URL": "mysql://dispatch:hush-hush-2@db.example/dispatch",
        "MAIL_PASSWORD": "hush-hush-3",
        "MEETING_JWT_SECRET": "hush-hush-4",
        "CONFERENCE_MAPPER_SECRET": "hush-hush-5",
    }
    assert "hush-hush" not in faults_of(MAIL_PORT="x", **secrets)

    assert "hush-hush" not in repr(from_environ(PRODUCTION | SECRETS | PAIRS))


@pytest.mark.parametrize("name", ["PORTAL_URL", "VENDOR_PORTAL_URL", "MEETING_URL"])
def test_outside_development_nobody_is_sent_to_an_address_without_https(tmp_path: Path, name: str) -> None:
    for address in ("http://clinic.example", "HTTP://127.0.0.1.clinic.example:8080/", "http://10.0.0.5", "http://:80"):
        for cookies in ("0", "1"):
            assert f"- {name} must be an https address\n" in faults_of(**{name: address}, SECURE_COOKIES=cookies) + "\n"

    assert development(tmp_path, **{name: "http://clinic.example"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1:5000", "localhost", "[::1]:5000"])
def test_on_one_machine_alone_addresses_may_do_without_https_and_cookies_then_too(tmp_path: Path, host: str) -> None:
    here = {"PORTAL_URL": f"http://{host}", "VENDOR_PORTAL_URL": f"http://{host}", "MEETING_URL": f"http://{host}/room"}

    assert from_environ(PRODUCTION | here | {"SECURE_COOKIES": "0"}).portal_url == f"http://{host}"
    assert "PORTAL_URL must be an https address while SECURE_COOKIES is on" in faults_of(**here)
    assert development(tmp_path, SECURE_COOKIES="1", **here).secure_cookies


@pytest.mark.parametrize("name", ["portal.example", "ANSWER.example"])
def test_no_portal_answers_under_the_name_of_the_other(name: str) -> None:
    addresses = {"PORTAL_URL": "https://portal.example", "VENDOR_PORTAL_URL": "https://answer.example"}
    fault = "TRUSTED_HOSTS must not name the host of PORTAL_URL or VENDOR_PORTAL_URL: both portals take them"
    assert fault in faults_of(**addresses, TRUSTED_HOSTS=f"old.example, {name}")


def test_the_two_portals_have_hosts_of_their_own(tmp_path: Path) -> None:
    fault = "PORTAL_URL and VENDOR_PORTAL_URL must have different hosts"
    for address in ("https://portal.example", "https://PORTAL.example:8443/", "https://portal.example/answer"):
        assert fault in faults_of(VENDOR_PORTAL_URL=address)

    assert from_environ(PRODUCTION | {"VENDOR_PORTAL_URL": "https://answer.portal.example"})
    assert development(tmp_path, PORTAL_URL="https://portal.example", VENDOR_PORTAL_URL="https://portal.example")


def test_keys_are_rotated_newest_first_and_each_must_be_long() -> None:
    assert from_environ(PRODUCTION | {"SECRET_KEY": f"{'n' * 32}, {'o' * 32},"}).secret_keys == ("n" * 32, "o" * 32)
    assert "at least 32 characters" in faults_of(SECRET_KEY=f"{'n' * 32},short")


def test_every_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    environ = {name: value for name, value in PRODUCTION.items() if name not in SECRETS}
    for name, value in SECRETS.items():
        (tmp_path / name).write_text(f"{value}\n")
        environ[f"{name}_FILE"] = str(tmp_path / name)

    assert from_environ(environ | PAIRS) == from_environ(PRODUCTION | SECRETS | PAIRS)
    hidden = {field.name.upper().removesuffix("S") for field in fields(Settings) if not field.repr}
    assert hidden == set(SECRETS)  # a new one belongs above


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_is_set_twice_or_whose_file_gives_none_is_a_fault(tmp_path: Path, name: str) -> None:
    files = {"good": SECRETS[name].encode(), "empty": b"\n", "binary": b"\xff\xfehush"}
    for word, content in files.items():
        (tmp_path / word).write_bytes(content)
    alone = {name: ""}

    assert f"{name} and {name}_FILE exclude each other" in faults_of(
        **{name: SECRETS[name], f"{name}_FILE": str(tmp_path / "good")}
    )
    for word, fault in (
        ("missing", "can't be read: No such file or directory"),
        ("", "can't be read: Is a directory"),
        ("empty", "is empty"),
        ("binary", "holds no text"),
        ("hush\0", "holds no text"),
    ):
        message = faults_of(**alone, **{f"{name}_FILE": f"{tmp_path}/{word}"})
        assert f"{name}_FILE {fault}" in message
        assert "hush" not in message


@pytest.mark.parametrize("name", ["MEETING_JWT_SECRET", "CONFERENCE_MAPPER_SECRET"])
def test_what_the_meeting_server_knows_can_not_be_guessed_outside_development(tmp_path: Path, name: str) -> None:
    app = {"MEETING_JWT_APP_ID": "dispatch"} if name == "MEETING_JWT_SECRET" else {}
    assert f"{name} must have at least 32 characters" in faults_of(**{name: "s" * 31}, **app)

    assert from_environ(PRODUCTION | app | {name: "s" * 32})
    assert development(tmp_path, **{name: "short"}, **app)


def test_development_needs_no_settings_at_all(tmp_path: Path) -> None:
    settings = development(tmp_path)

    assert settings.portal_url == "http://127.0.0.1:5000"
    assert settings.vendor_portal_url == "http://127.0.0.1:5001"
    assert (settings.mail_server, settings.mail_port, settings.mail_use_tls) == ("127.0.0.1", 1025, False)
    assert settings.database_url == f"sqlite:///{tmp_path / 'dispatch.sqlite3'}"
    assert settings.dev_mailbox
    assert not settings.secure_cookies


def test_development_makes_a_key_of_its_own_and_keeps_it_for_itself(tmp_path: Path) -> None:
    first, second = development(tmp_path / "a"), development(tmp_path / "a")
    file = tmp_path / "a" / "development_secret_key"

    assert first.secret_keys == second.secret_keys != development(tmp_path / "b").secret_keys
    assert len(first.secret_keys[0]) >= 32
    assert file.stat().st_mode & 0o077 == 0


def test_outside_development_no_key_is_made_and_no_file_written(tmp_path: Path) -> None:
    environ = {name: value for name, value in PRODUCTION.items() if name != "SECRET_KEY"}
    with pytest.raises(SettingsError, match="SECRET_KEY is missing"):
        from_environ(environ | {"INSTANCE_PATH": str(tmp_path)})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("prefix", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_postgresql_is_always_spoken_to_by_psycopg(prefix: str) -> None:
    settings = from_environ(PRODUCTION | {"DATABASE_URL": f"{prefix}d@db.example/d"})
    assert settings.database_url == "postgresql+psycopg://d@db.example/d"


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("off", False)])
def test_a_flag_may_be_written_in_several_ways(raw: str, *, value: bool) -> None:
    assert from_environ(PRODUCTION | {"MAIL_USE_TLS": raw}).mail_use_tls is value


@pytest.mark.parametrize("sender", ["dispatch@odd example", "Dispatch <@example.org>", "dispatch@", "a@b@example.org"])
def test_a_sender_that_no_mail_server_takes_is_a_fault_at_the_start_and_not_in_every_mail(sender: str) -> None:
    with pytest.raises(SettingsError, match="MAIL_SENDER must be a mail address"):
        from_environ({"DEVELOPMENT": "1", "INSTANCE_PATH": "/nowhere", "SECRET_KEY": "k" * 40, "MAIL_SENDER": sender})


WITHOUT = {
    "SECRET_KEY": "SECRET_KEY is missing",
    "MAIL_PASSWORD": "",
    "MEETING_JWT_SECRET": "",
    "CONFERENCE_MAPPER_SECRET": "",
}
"""What is said without them; nothing where the product works without."""


@pytest.mark.parametrize("name", WITHOUT)
def test_outside_development_no_secret_has_a_value_that_nobody_gave_it(name: str) -> None:
    environ = {key: value for key, value in PRODUCTION.items() if key != name}
    if WITHOUT[name]:
        with pytest.raises(SettingsError, match=WITHOUT[name]):
            from_environ(environ)
    else:
        assert getattr(from_environ(environ), name.lower()) is None


def test_no_other_setting_is_a_secret() -> None:
    """Those that never show are the secrets and what may hold one."""
    hidden = {field.name for field in fields(Settings) if not field.repr}
    assert hidden == {"secret_keys" if name == "SECRET_KEY" else name.lower() for name in WITHOUT} | {"database_url"}


def test_how_it_is_watched_is_off_until_somebody_says_where(tmp_path: Path) -> None:
    for settings in (from_environ(PRODUCTION), development(tmp_path)):
        assert (settings.portal_metrics_port, settings.vendor_metrics_port, settings.jobs_port) == (None, None, None)
        assert (settings.metrics_address, settings.proxy_count, settings.trusted_hosts) == ("127.0.0.1", 0, ())
    assert (from_environ(PRODUCTION).log_format, development(tmp_path).log_format) == ("json", "text")


def test_ports_of_figures_differ_because_one_port_would_mix_them() -> None:
    sentence = "PORTAL_METRICS_PORT, VENDOR_METRICS_PORT and JOBS_PORT must differ"
    assert sentence in faults_of(PORTAL_METRICS_PORT="9101", JOBS_PORT="9101")

    ports = from_environ(PRODUCTION | {"PORTAL_METRICS_PORT": "9101", "JOBS_PORT": "9103"})
    assert (ports.portal_metrics_port, ports.vendor_metrics_port, ports.jobs_port) == (9101, None, 9103)


def test_further_hosts_are_names_in_any_case() -> None:
    settings = from_environ(PRODUCTION | {"TRUSTED_HOSTS": "Old.example,, portal-2.example ,10.1.2.3"})
    assert settings.trusted_hosts == ("old.example", "portal-2.example", "10.1.2.3")
    for bad in ("*", ".example", "portal.example:8000", "a b", "a/b"):
        assert "TRUSTED_HOSTS" in faults_of(TRUSTED_HOSTS=bad), bad


def test_a_file_of_certificates_holds_some(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("minutes of a meeting")
    assert "MAIL_CA_FILE must be a file of certificates (PEM)" in faults_of(MAIL_CA_FILE=str(tmp_path / "ca.pem"))
