"""The clock of speed is the CPU time of a whole process: engines work in other threads than the one that
calls them."""

import threading
import time

from inc_mlflow.measure.timing.in_process import time_in_process

SECONDS = 0.005


def work():
    end = time.thread_time() + SECONDS
    while time.thread_time() < end:
        pass


def elsewhere(_):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_work_in_another_thread_counts_and_waiting_for_nothing_does_not():
    slow, fast = time_in_process(elsewhere, lambda _: time.sleep(SECONDS), [0, 1])
    assert slow.seconds.min() >= SECONDS
    assert fast.seconds.min() < SECONDS / 2
    assert slow.seconds.shape == fast.seconds.shape
    assert slow.seconds.ndim == 3
