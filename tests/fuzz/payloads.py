"""What is planted in requests: markup, SQL, formats, numbers, signs, bytes, headers."""

from hypothesis import strategies as st

PROBE = "x-probe"
"""What is planted as markup: no page has a tag or an attribute of that name."""

ELSEWHERE = "evil.example"
"""Where no answer leads."""

MARKUP = (
    f"<{PROBE}>",
    f"<{PROBE} a=1>&lt;b&gt;</{PROBE}>",
    f"</title></textarea></script><{PROBE}>",
    f'" {PROBE}="1',
    f"' {PROBE}='1",
    f'"><{PROBE} onload=alert(1)>',
    f"'/><{PROBE}/>",
    f"` {PROBE}=1 `",
    f"<!--<{PROBE}>",
    f"]]><{PROBE}>",
    f"&quot; {PROBE}=&quot;1",
    f"javascript:{PROBE}",
    f"data:text/html,<{PROBE}>",
    f"{{{{ '<{PROBE}>'|safe }}}}",
)
INJECTIONS = (
    "' OR 1=1 --", "'; DROP TABLE visit; --", "1) UNION SELECT 1,2,3 --", "%' ESCAPE '", "\\", "_%_", "{{7*7}}",
    "${7*7}", "{0.__class__}", "%s%s%n", "%(x)s", "{}", "../../etc/passwd", "..%2f..%2f", "=1+1", "@SUM(1)",
    "a\r\nX-Header: 1", f"//{ELSEWHERE}", f"https://{ELSEWHERE}/", f"/\\{ELSEWHERE}", f"/{chr(9)}/{ELSEWHERE}",
)  # fmt: skip
NUMBERS = (
    "0", "-1", "1", "2147483648", "9223372036854775807", "9223372036854775808", "9" * 30, "9" * 5000, "1e9", "1.5",
    "nan", "inf", "0x10", "1_000", "+5", "\u0661\u0662", "\u00b2", "00000000000000000001", "company:1",
    "group:9" * 9,
)  # fmt: skip
SIGNS = (
    "", " ", "\0", "a\0b", "\u2028", "\u2029", "\u202e\u202bdekrof", "\ufeff", "\ufffd", "\ud7ff", "\U0010ffff",
    "\U0001f600", "e\u0301" * 50, "\u0130\u0131\u017f\u212a", "\x1b[31m", "\x7f\x80\x9f", "\r", "\n\n\n", "\t",
    "\u00a0\u3000", "\u200b",
)  # fmt: skip
RAW = (
    b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xff\xfe", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"a\xe9", b"\x00\xff",
    b"\x80" * 40,
)  # fmt: skip
LONG = (
    "x" * 3_000, "\u0151" * 2_000, f"<{PROBE}>" * 400, "a@" * 1_500, "1 " * 5_000, "\n" * 4_000, "(" * 3_000,
    "q" + "\u0315\u0300" * 20_000, "q" + "\u0315\u0300" * 40_000, "a@b.example\n" * 9_000, "x" * 200_000,
)  # fmt: skip
DATES = ("0000-00-00", "0001-01-01", "9999-12-31", "2026-02-30", "2026-11-24T09:30", "24:00", "23:59:60", "-2026-01-01")
WORDS = (
    "on", "true", "null", "None", "undefined", "[]", "{}", "accept", "decline", "back", "choices", "following", "all",
)  # fmt: skip

hostile: st.SearchStrategy[str | bytes] = st.one_of(
    st.sampled_from(MARKUP),
    st.sampled_from((*INJECTIONS, *NUMBERS, *SIGNS, *DATES, *WORDS)),
    st.sampled_from(RAW),
    st.sampled_from(LONG),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.binary(max_size=30),
)
KINDS = (
    "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16", "application/json",
    "text/plain", "application/xml", "", "*/*", "multipart/form-data", "multipart/form-data; boundary=", "\xe9",
    "multipart/form-data; boundary=" + "x" * 300, "multipart/mixed; boundary=x", f"text/html; <{PROBE}>",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X" * 50)
HEADERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("HX-Request", ("true", "false", "True", "x")),
    ("HX-Boosted", ("true", "x")),
    ("HX-History-Restore-Request", ("true",)),
    ("HX-Current-URL", ("http://[", f"https://{ELSEWHERE}/", f"/board?<{PROBE}>", "\xff", "http://portal.test/board")),
    ("HX-Target", ("members", f'"><{PROBE}>')),
    ("HX-Trigger", ("watch", f"<{PROBE}>")),
    ("HX-Prompt", (f"<{PROBE}>",)),
    ("Holds-Form", ("true", "x")),
    ("Accept", ("application/json", "image/*", "*/*;q=0", "text/html;q=nan", f"<{PROBE}>", ",;=" * 50)),
    ("Accept-Language", ("xx", "*;q=-1", "," * 500)),
    ("Accept-Encoding", ("gzip;q=0", "identity;q=0, *;q=0", "br")),
    ("Accept-Charset", ("utf-16", "x;q=9")),
    ("Range", ("bytes=0-1", "bytes=9-1", "bytes=-", "bytes=0-0,1-1", "x")),
    ("If-None-Match", ("*", '"x"', "W/", '"' * 100)),
    ("If-Modified-Since", ("Tue, 24 Nov 2026 00:00:00 GMT", "x", "Tue, 99 Nov 9999 99:99:99 GMT")),
    ("Authorization", ("Basic !!!", "Basic " + "x" * 400, "Bearer \xe9", "Bearer", "Digest =")),
    ("Referer", (f"https://{ELSEWHERE}/<{PROBE}>",)),
    ("Origin", ("null", f"https://{ELSEWHERE}")),
    ("User-Agent", (f"<{PROBE}>", "\xff" * 50, "")),
    ("X-HTTP-Method-Override", ("DELETE", "PUT")),
    ("X-CSRFToken", ("x", "\xe9")),
    ("Content-Encoding", ("gzip",)),
    ("Expect", ("100-continue",)),
    ("Cookie", ("session=", "session=x.y.z", "=", ";;;", 'a="\\', "session=\xff\xfe", "x=" + "y" * 6_000)),
)  # fmt: skip

NAMES = (
    "csrf_token", "author", "change", "do", "preview", "promise", "key", "version", "reach", "to", "opened",
    "stamp", "patient_name", "provider", "date", "interpreter", "language", "repeat", "weekdays", "companies",
    "more", "tag", "role", "takes_over", "email", "next", "draft", "q", "done", "news", "left", "seen", "page",
    "from", "status", "responder", "answer", "nonce", "reason", "id", "_method", "x",
)  # fmt: skip
