import json
import subprocess
import sys
import time
from pathlib import Path

import psutil

from semore_gym.utils.processes import is_at_work, marked_process

WAITING = """
import os
import time
from semore_gym.utils.processes import at_end_of_input
at_end_of_input(lambda: os._exit(7))
print("waits", flush=True)
time.sleep(600)
"""


def test_a_process_number_that_another_process_has_now_is_nobody(tmp_path: Path):
    mark = tmp_path / "process.json"
    assert marked_process(mark) is None
    me = psutil.Process()
    mark.write_text(json.dumps({"pid": me.pid, "created": me.create_time()}))
    assert marked_process(mark) == me
    mark.write_text(json.dumps({"pid": me.pid, "created": me.create_time() - 10.0}))
    assert marked_process(mark) is None


def test_a_zombie_is_not_at_work():
    child = psutil.Popen([sys.executable, "-c", ""])
    while child.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not is_at_work(psutil.Process(child.pid))
    child.wait()
    assert is_at_work(psutil.Process())


def test_a_process_acts_when_its_input_is_closed():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", WAITING], text=True, **pipes) as process:
        assert process.stdout.readline() == "waits\n"
        process.stdin.write("what is said does not end it")
        process.stdin.flush()
        time.sleep(0.2)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(60) == 7
