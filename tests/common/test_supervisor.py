"""The supervisor, with small real processes as its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pixtasks.common.supervisor import Backoff, Child, Supervisor
from tests.processes.tree import alive, descendants, kill_all, wait_for

ROOT = Path(__file__).resolve().parents[2]

SLEEPER = "import time; print('started', flush=True); time.sleep(120)"
POOL = """
    import subprocess, sys, time
    pool = [subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(120)"]) for _ in range(2)]
    print("started", *[p.pid for p in pool], flush=True)
    time.sleep(120)
"""
STUBBORN = """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("started", flush=True)
    time.sleep(120)
"""
POLITE = """
    import signal, sys, time
    def leave(*_):
        print("finishing what I run", flush=True)
        time.sleep(0.5)
        print("done", flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, leave)
    print("started", flush=True)
    time.sleep(120)
"""


class Run:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path, children: dict[str, str], options: str) -> None:
        lines = [
            f"Child(name={name!r}, command=[sys.executable, '-S', '-c', {textwrap.dedent(code)!r}], grace=2.0),"
            for name, code in children.items()
        ]
        script = "\n".join(
            [
                "import sys",
                "from pixtasks.common.supervisor import Backoff, Child, Supervisor",
                f"sys.exit(Supervisor([{' '.join(lines)}], {options}).run())",
            ]
        )
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", script], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        self.pid = self.process.pid
        self.seen: set[int] = {self.pid}

    @property
    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def started(self, times: int = 1) -> None:
        wait_for(lambda: self.text.count("| started") >= times, f"{times} children started:\n{self.text}")
        self.seen |= descendants(self.pid)

    def child(self, code: str) -> int:
        """Return the process id of the child whose command line ends with that code."""
        wanted = textwrap.dedent(code).encode()
        for pid in descendants(self.pid):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if wanted in arguments and b"exec" not in arguments:
                return pid
        raise AssertionError(f"no child runs {code!r}")

    def guard(self) -> int:
        for pid in descendants(self.pid):
            if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"lifeline.py\0guard\0"):
                return pid
        raise AssertionError("no guard")

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def code(self) -> int:
        return self.process.wait(timeout=30)

    def nothing_left(self) -> bool:
        return not any(alive(pid) for pid in self.seen)


Starter = Callable[..., Run]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Starter]:
    runs: list[Run] = []

    def start(options: str = "backoff=Backoff(0.05, 0.2, 60.0)", **children: str) -> Run:
        runs.append(Run(tmp_path, children, options))
        return runs[-1]

    yield start
    for run in runs:
        run.seen |= descendants(run.pid)
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait(timeout=30)
        kill_all({pid for pid in run.seen if alive(pid)} - {run.pid})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_and_the_exit_code_is_0(supervise: Starter, number: int) -> None:
    run = supervise(one=SLEEPER, two=POOL)
    run.started(2)
    run.signal(number)
    assert run.code() == 0
    wait_for(run.nothing_left, "everything gone")


def test_a_child_may_finish_what_it_runs(supervise: Starter) -> None:
    run = supervise(worker=POLITE)
    run.started()
    run.signal(signal.SIGTERM)
    assert run.code() == 0
    assert "worker | finishing what I run\nworker | done\n" in run.text


def test_a_child_that_ignores_the_signal_is_killed_after_its_grace(supervise: Starter) -> None:
    run = supervise(stubborn=STUBBORN)
    run.started()
    run.signal(signal.SIGTERM)
    assert run.code() == 0
    assert "stubborn did not end within 2 s and is killed" in run.text
    wait_for(run.nothing_left, "everything gone")


def test_a_second_ctrl_c_does_not_wait(supervise: Starter) -> None:
    run = supervise(stubborn=STUBBORN)
    run.started()
    run.signal(signal.SIGINT)
    wait_for(lambda: "stopping" in run.text, "stopping announced")
    run.signal(signal.SIGINT)
    assert run.code() == 128 + signal.SIGINT
    assert "did not end within" not in run.text
    wait_for(run.nothing_left, "everything gone")


def test_a_closing_terminal_that_hangs_up_twice_still_gets_an_orderly_stop(supervise: Starter) -> None:
    run = supervise(worker=POLITE)
    run.started()
    run.signal(signal.SIGHUP)
    wait_for(lambda: "finishing" in run.text, "the child stopping")
    run.signal(signal.SIGHUP)
    assert run.code() == 0
    assert "worker | done" in run.text


def test_a_killed_child_is_started_again_and_its_own_children_do_not_linger(supervise: Starter) -> None:
    run = supervise(worker=POOL, other=SLEEPER)
    run.started(2)
    worker = run.child(POOL)
    pool = descendants(worker)
    other = run.child(SLEEPER)
    assert len(pool) == 2
    os.kill(worker, signal.SIGKILL)
    run.started(3)
    wait_for(lambda: not any(alive(pid) for pid in pool), "the old pool gone")
    assert run.child(POOL) != worker
    assert run.child(SLEEPER) == other
    assert "worker was ended by SIGKILL; it starts again in 0.05 s" in run.text


def test_a_child_that_always_fails_is_tried_less_and_less_often(supervise: Starter) -> None:
    run = supervise(broken="import sys; print('started', flush=True); sys.exit(3)")
    run.started(5)
    waits = [line.rpartition(" in ")[2] for line in run.text.splitlines() if "ended with code 3" in line]
    assert waits[:4] == ["0.05 s", "0.1 s", "0.2 s", "0.2 s"]
    run.signal(signal.SIGTERM)
    assert run.code() == 0


def test_the_wait_doubles_to_its_limit_and_starts_anew_after_a_stable_run() -> None:
    backoff = Backoff()
    assert [backoff.wait(n) for n in (1, 2, 3, 4, 5, 6, 7, 1000)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_child_that_was_stable_starts_anew_with_the_shortest_wait(supervise: Starter) -> None:
    run = supervise("backoff=Backoff(0.05, 30.0, 0.0)", broken="print('started', flush=True)")
    run.started(4)
    assert "in 0.1 s" not in run.text


def test_a_program_that_does_not_exist_is_named(supervise: Starter, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pixtasks.common.supervisor import Child, Supervisor\n"
        "sys.exit(Supervisor([Child(name='x', command=['/no/such/program'])]).run())"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "x  | cannot start /no/such/program: No such file or directory\n"
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_kill_9_of_the_supervisor_leaves_no_orphan(supervise: Starter) -> None:
    run = supervise(one=SLEEPER, two=POOL, three=STUBBORN)
    run.started(3)
    assert len(run.seen) == 1 + 1 + 3 + 2  # supervisor, guard, three children, a pool of two
    run.signal(signal.SIGKILL)
    run.process.wait(timeout=30)
    wait_for(run.nothing_left, "everything gone")


def test_a_killed_guard_is_replaced_and_guards_again(supervise: Starter) -> None:
    run = supervise(two=POOL)
    run.started()
    guard = run.guard()
    os.kill(guard, signal.SIGKILL)
    wait_for(lambda: not alive(guard) and len(descendants(run.pid)) == 4, "a new guard")
    run.seen |= descendants(run.pid)
    run.signal(signal.SIGKILL)
    run.process.wait(timeout=30)
    wait_for(run.nothing_left, "everything gone")


def test_lines_carry_the_name_and_every_byte(supervise: Starter) -> None:
    run = supervise(
        fox="import sys, time; sys.stdout.buffer.write('🦊 grün\\n'.encode() * 300); sys.stderr.write('東京');"
        "print('\\nstarted', flush=True); time.sleep(120)"
    )
    run.started()
    lines = run.text.splitlines()
    assert lines.count("fox | 🦊 grün") == 300
    assert "fox | 東京" in "\n".join(lines)


def test_a_log_reader_that_leaves_stops_nothing(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import sys
        from pixtasks.common.supervisor import Child, Supervisor
        code = '''import time, pathlib
        for n in range(400):
            print("x" * 1000, flush=True)
        pathlib.Path({str(tmp_path / "done")!r}).write_text("yes")
        time.sleep(120)'''
        code = "\\n".join(line.removeprefix("        ") for line in code.splitlines())
        sys.exit(Supervisor([Child(name="a", command=[sys.executable, "-c", code])]).run())
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    try:
        wait_for((tmp_path / "done").exists, "the child wrote everything")
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=30)


def test_it_refuses_to_run_outside_the_main_thread() -> None:
    import threading

    caught: list[BaseException] = []

    def attempt() -> None:
        try:
            Supervisor([Child(name="a", command=["true"])]).run()
        except RuntimeError as error:
            caught.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join(timeout=30)
    assert "main thread" in str(caught[0])


def test_stop_from_a_thread_ends_it_and_the_callers_signal_handlers_come_back(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import signal, sys, threading
        from pixtasks.common.supervisor import Child, Supervisor
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        supervisor = Supervisor([Child(name="a", command=["sleep", "120"])])
        threading.Timer(0.3, supervisor.stop).start()
        code = supervisor.run()
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
        assert supervisor.pids() == {}
        sys.exit(code)
        """
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=30, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
