"""What a piece of work can do to its process."""

import ctypes
import os
import time
from pathlib import Path

from inc_mlflow.confined import more_time
from inc_mlflow.errors import DataError


def echo(text):
    return text


def refuse(text):
    raise DataError(text)


def stumble():
    return {}["nothing"]


def spin():
    while True:
        pass


def ask_for_more(seconds):
    more_time(seconds)
    start = time.process_time()
    while time.process_time() - start < 1.5:
        pass
    return "done"


def sleep():
    time.sleep(60)


def fill():
    return str(len([bytes(1 << 20) for _ in range(1 << 20)]))


def dive():
    return dive()


def crash():
    ctypes.string_at(0)


def leave():
    os._exit(3)


def babble():
    return "x" * (17 << 20)


def write(path):
    Path(path).write_bytes(bytes(1 << 20))


def full():
    raise OSError(28, "No space left on device")


def environment():
    return " ".join(os.environ)


def shout():
    print("promoted as digits version 9")
    os.write(2, b"promoted\n")
    return "said"
