"""`logging` with files, and their rotation."""

import logging
import logging.handlers
import os

from harness import check, held


def logged(handler, lines):
    logger = logging.Logger("suite")
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger.addHandler(handler)
    for number in range(lines):
        logger.warning("line %03d", number)
    handler.close()


@check
def logging_file(own):
    logged(logging.FileHandler("log"), 3)
    logged(logging.FileHandler("log"), 2)
    return held("log")


@check
def logging_rotating(own):
    logged(logging.handlers.RotatingFileHandler("log", maxBytes=100, backupCount=3), 50)
    return [(name, held(name)) for name in sorted(os.listdir())]


@check
def logging_timed(own):
    handler = logging.handlers.TimedRotatingFileHandler("log", when="S", backupCount=2, utc=True)
    handler.rolloverAt = 0
    logged(handler, 2)
    rotated = sorted(os.listdir())
    for name in rotated[1:]:
        os.rename(name, "log.rotated")
    return len(rotated), held("log")


@check
def logging_watched(own):
    handler = logging.handlers.WatchedFileHandler("log")
    record = logging.makeLogRecord({"msg": "line"})
    handler.emit(record)
    os.rename("log", "log.1")
    handler.emit(record)
    handler.close()
    return held("log"), held("log.1")
