"""The figures that each process counts by itself, for Prometheus. Labels are words of the code, never data."""

from prometheus_client import Counter, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call] # a series more for each, of when it began

HTTP_REQUESTS = Counter("dispatch_http_requests", "HTTP requests answered.", ("app", "endpoint", "method", "status"))
HTTP_SECONDS = Histogram(
    "dispatch_http_request_duration_seconds",
    "How long an answer took to begin.",
    ("app", "endpoint", "method"),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
JOB_SECONDS = Histogram(
    "dispatch_job_duration_seconds",
    "How long a cycle of a job took.",
    ("job",),
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120),
)
JOB_FAILURES = Counter("dispatch_job_failures", "Cycles of a job that failed.", ("job",))
MAILS = Counter("dispatch_mails", "Mails that were tried, by what became of the try.", ("kind", "verdict"))
