"""Reads the settings once; ``portal`` and ``vendor_portal`` are two WSGI apps over one package of rules."""

import sys

from portal import create_portal
from shared import logs
from shared.settings import from_environ
from vendor_portal import create_vendor_portal

settings = from_environ()
logs.configure(settings.log_format, sys.stderr)
portal = create_portal(settings)
vendor_portal = create_vendor_portal(settings)
