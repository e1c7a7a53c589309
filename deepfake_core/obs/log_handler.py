"""Python's logging, written to OBS's log."""

import logging

from deepfake_core.obs import libobs


class ObsLogHandler(logging.Handler):
    """Hands each record to libobs' `blog`. sys.stderr inside OBS is a stub that other handlers stumble over."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        level = libobs.LOG_INFO
        if record.levelno >= logging.ERROR:
            level = libobs.LOG_ERROR
        elif record.levelno >= logging.WARNING:
            level = libobs.LOG_WARNING
        libobs.log(level, self.format(record))
