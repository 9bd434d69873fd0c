"""What gunicorn reads by itself when it is started here: for both portals, in development and outside."""

import os
import shutil
import sys

from gunicorn.glogging import Logger

from shared import logs
from shared.errors import SettingsError
from shared.settings import from_environ

try:
    _settings = from_environ()
except SettingsError as error:
    sys.exit(str(error))

worker_class = "gthread"  # polls of many open pages don't queue behind one that waits for the database
threads = 32
graceful_timeout = 8  # after SIGTERM for what is being answered; supervisors kill after ten
control_socket_disable = True
# Which headers of a proxy count is PROXY_COUNT's to say, and nobody's else.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""


class logger_class(Logger):  # noqa: N801 - gunicorn's name
    """Gunicorn's own lines in the format of ours. No access log: it would hold links; the apps log each request."""

    def setup(self, cfg):
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logs.formatter(_settings.log_format))

    def access(self, resp, req, environ, request_time):
        pass


# The workers of one server add their figures up in a folder of its own, which prometheus-client wants to know before it
# is imported. One that a crash left behind is emptied; a reload keeps it.
_figures = _settings.instance_path / f"figures-{os.getpid()}"
_is_watched = _settings.portal_metrics_port or _settings.vendor_metrics_port
if _is_watched and os.environ.get("PROMETHEUS_MULTIPROC_DIR") != str(_figures):
    shutil.rmtree(_figures, ignore_errors=True)
    _figures.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_figures)


def post_worker_init(worker):
    """Each worker answers on the port of the figures, and tells those of all."""
    from shared.watching import watch_web  # here, because the master must not import what counts

    watch_web(worker.wsgi, _settings)


def on_exit(_server):
    """The figures begin anew with the next start."""
    shutil.rmtree(_figures, ignore_errors=True)
