"""Bridge between forensic-host and a Ray cluster. Runs as `python3 -c <this text>`; needs nothing but Ray (2.40 or newer).

Three programs in one file, because Ray ships functions and classes of `__main__` to the nodes by value:

* the bridge (`Bridge`): a Ray driver beside the host. Speaks NDJSON with it on stdin and stdout, see `main`;
* the relay (`relay`): one Ray task for each attempt. Starts `forensic-host worker` on its node and passes lines on;
* the node agent (`NodeAgent`): a small actor on each node. Checks the node, tells its time, cancels, recovers, cleans up.

Rules that hold everywhere: Ray never retries (`max_retries=0`), all retries are the host's. Each attempt gets exactly one
`ended` or `failed`. What a job contains (commands, variables, secrets) goes in the task's argument only: not into names,
labels, the runtime environment or any message of ours.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import queue
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Iterator

PROTO = 1
LINE_MAX = 1 << 20
READ_MAX = 1 << 16  # Items of a stream below 100 kB never touch Ray's object store.
SHIP_MAX = 512 << 20  # Ray's own limit for a working directory.
PENDING_AFTER = 5.0
FORCE_WITHIN = 6.0  # After a forced cancel; the host waits 10 s.
CLUSTER_GRACE = 45.0  # Without the head. Ray ends this process without a word after 60 s.
OWN_LOST = "Ray on the machine of the run (its raylet) does not answer any more"
FORGET_AFTER = 30 * 24 * 3600.0  # Of a run that was killed, on its nodes. None goes on for so long.
CLOCK_EVERY = 60.0
CLOCK_CALLS = 20
AGENT_PATIENCE = 5.0
EXIT_REFUSED = 3
EXIT_CLUSTER_LOST = 4

Json = dict  # One message: an object of the protocol.


# ---- On a node: folders and the worker program -----------------------------------------------------------------------


def scratch_folder() -> str:
    """Our folder on this node: only this user can look into it."""
    folder = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"forensic-host-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    found = os.lstat(folder)
    if os.path.islink(folder) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise RuntimeError(f"{folder} belongs to someone else or others may read it: remove it, or set TMPDIR")
    return folder


def below(root: str, path: str) -> str:
    """`path` (relative) below `root`; an error when it leads out of it."""
    joined = os.path.normpath(os.path.join(root, path))
    if os.path.isabs(path) or not joined.startswith(root.rstrip("/") + "/"):
        raise ValueError(f"{path} leads out of its folder")
    return joined


def clean_environment() -> dict[str, str]:
    """This process's environment without what Ray put there."""
    return {k: v for k, v in os.environ.items() if not k.startswith("RAY_") and k != "PYTHONPATH"}


# Files that this process has hashed, path and stamp -> SHA-256: 50 MB take as long as a whole short attempt. On a node this is
# a copy of its own for each function that Ray brought there.
HASHED: dict[tuple[str, int, int, int], str] = {}


def hash_of(path: str) -> str | None:
    """A file's SHA-256; None when it does not exist."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    stamp = (path, found.st_ino, found.st_size, found.st_mtime_ns)
    if stamp not in HASHED:
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                digest.update(piece)
        HASHED[stamp] = digest.hexdigest()
    return HASHED[stamp]


def program_on_node(program: Json) -> str:
    """Path of the worker program on this node: `path` as it is when there is no `sha256`, else the file from Ray's object
    store (`ref`), unpacked once."""
    import ray

    if not program["sha256"]:
        return program["path"]
    folder = os.path.join(scratch_folder(), "bin")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, f"forensic-host-{program['sha256'][:32]}")
    if hash_of(path) == program["sha256"]:
        return path
    handle, fresh = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(ray.get(program["ref"]))
    os.chmod(fresh, 0o755)
    os.replace(fresh, path)
    if hash_of(path) != program["sha256"]:
        raise RuntimeError("the worker program arrived damaged on this node")
    return path


# ---- On a node: shipped files ----------------------------------------------------------------------------------------


def clone(source: str, target: str) -> str:
    """A copy that shares its blocks with the source where the file system can."""
    ficlone = 0x40049409
    with open(source, "rb") as read, open(target, "wb") as write:
        try:
            fcntl.ioctl(write.fileno(), ficlone, read.fileno())
        except OSError:
            shutil.copyfileobj(read, write, 1 << 20)
    shutil.copystat(source, target)
    return target


def lay_out(job: Json, ship: Json, folder: str) -> None:
    """Ship mode: gives the attempt a pipeline folder and a run directory of its own below `folder`, and tells the job."""
    import ray

    code, run = os.path.join(folder, "pipeline"), os.path.join(folder, "run")
    # Ray's copy of the pipeline's folder is shared by all tasks of the node: a stage that writes would change it for others.
    shutil.copytree(os.getcwd(), code, symlinks=True, copy_function=clone)
    os.makedirs(os.path.join(run, "data"))
    for file in ship["inputs"]:
        path = below(run, file["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as write:
            write.write(ray.get(file["ref"]))
        os.chmod(path, file["mode"])
    job["cwd"] = moved(job["cwd"], {job["run_dir"]: run, ship["ship_dir"]: code})
    job["run_dir"] = run
    os.makedirs(job["cwd"], exist_ok=True)


def moved(path: str, folders: dict[str, str]) -> str:
    """`path` where the first folder that holds it has gone."""
    for old, new in folders.items():
        inside = os.path.relpath(path, old)
        if inside == "." or not inside.startswith(".."):
            return os.path.normpath(os.path.join(new, inside))
    raise ValueError("the stage's working directory lies outside of the pipeline's folder and can't be shipped")


# ---- On a node: the relay, a Ray task for each attempt ---------------------------------------------------------------


class WorkerProcess:
    """`forensic-host worker` and its pipes. It detaches itself from us, so that all we have of it are the pipes: when our
    end of its stdin closes, however that comes about, it ends the stage and then itself."""

    def __init__(self, program: str, job: Json) -> None:
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program, "worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            bufsize=0,
            cwd=job["scratch"],
            env=clean_environment(),
        )
        assert self.process.stdin and self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout
        self.say(job)
        os.set_blocking(self.input.fileno(), False)
        self.poll = select.poll()
        self.poll.register(self.output.fileno(), select.POLLIN)
        self.rest = b""

    def say(self, message: Json) -> None:
        """A line to the worker. Not said to one that is gone, or (a lease) to one that does not listen."""
        data = json.dumps(message).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            while data:
                data = data[os.write(self.input.fileno(), data) :]

    def lines(self) -> Iterator[bytes]:
        """What the worker writes: whole lines, as many at a time as there are. Ends with the worker's end."""
        while True:
            # Ray's soft cancel raises in this thread, but only between two calls of Python.
            if not self.poll.poll(500):
                continue
            piece = os.read(self.output.fileno(), READ_MAX)
            if not piece:
                return
            self.rest += piece
            end = self.rest.rfind(b"\n") + 1
            if end:
                whole, self.rest = self.rest[:end], self.rest[end:]
                yield whole
            elif len(self.rest) > LINE_MAX:
                raise RuntimeError("the worker wrote a line of more than 1 MiB")

    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        self.process.wait()
        size = self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, size - 2000))
        return self.errors.read().decode(errors="replace")

    def close(self, patience: float) -> None:
        """Ends the worker, and holds Ray's resources until it has gone or `patience` is over."""
        with contextlib.suppress(OSError):
            self.input.close()
        end = time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            if self.poll.poll(left * 1000) and not os.read(self.output.fileno(), READ_MAX):
                break
        self.output.close()
        self.errors.close()


def has_ended(lines: bytes) -> bool:
    """Is the worker's last message among these lines?"""
    return any(b'"ended"' in line and json.loads(line).get("t") == "ended" for line in lines.split(b"\n"))


def relay(job: Json, spec: Json) -> Iterator[Any]:
    """The Ray task: runs one attempt by `forensic-host worker` and streams its lines (bytes, whole lines). When the worker
    ended without `ended`, the last item is an object with the reason."""
    import ray

    context = ray.get_runtime_context()
    node = context.get_node_id()
    worker = f"{node[:12]}-{os.getpid()}"
    scratch = scratch_folder()
    job.update(node=node, node_name=ray.util.get_node_ip_address(), worker=worker, scratch=scratch)
    job.update(lease_ms=spec["lease_ms"], beat_ms=spec["beat_ms"])
    folder = below(scratch, f"{job['run']}/ship/{worker}/{job['id']}")
    process, ended = None, False
    try:
        program = program_on_node(spec["program"])
        if spec["ship"]:
            lay_out(job, spec["ship"], folder)
        process = WorkerProcess(program, job)
        for lines in process.lines():
            ended = has_ended(lines)
            yield lines
            # Blocks above while too many items wait: the host is gone or slow, the lease runs out, the stage is ended.
            process.say({"t": "lease"})
            if ended:
                break
        if not ended:
            yield {"lost": process.last_words()}
    finally:
        if process:
            process.close(2.0 if ended else job.get("grace_ms", 2000) / 1000 + 1.0)
        if spec["ship"]:
            shutil.rmtree(folder, ignore_errors=True)


# ---- On a node: the agent, an actor without CPUs ---------------------------------------------------------------------


class NodeAgent:
    """What the bridge has done on a node apart from attempts. A thread for each call (`max_concurrency`)."""

    def preflight(self, program: Json, probe: str, arch: str) -> Json:
        """Can attempts run here? `probe`: a file of the run directory, named after its own content."""
        report: Json = {"arch": platform.machine(), "shared": False, "worker": None, "problem": None}
        self._forget_old()
        with contextlib.suppress(OSError), open(probe, encoding="ascii") as file:
            report["shared"] = file.read() == os.path.basename(probe)
        try:
            report["worker"] = self._version(program, arch)
        except Exception as error:
            report["problem"] = tidy(str(error))
        return report

    @staticmethod
    def _forget_old() -> None:
        """Removes what runs left here that nobody tidied up after: their host or their bridge was killed."""
        with contextlib.suppress(OSError, RuntimeError):
            folder = scratch_folder()
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if name != "bin" and os.lstat(path).st_mtime < time.time() - FORGET_AFTER:
                    shutil.rmtree(path, ignore_errors=True)

    @staticmethod
    def _version(program: Json, arch: str) -> str:
        if program["sha256"] and platform.machine() != arch:
            raise RuntimeError(f"the worker program is for {arch}, this node is {platform.machine()}")
        free = shutil.disk_usage(scratch_folder()).free
        if free < 256 << 20:
            raise RuntimeError(f"only {free >> 20} MiB are free in {scratch_folder()}")
        path = program_on_node(program)
        try:
            result = subprocess.run(
                [path, "--version"], capture_output=True, text=True, timeout=20, env=clean_environment()
            )
        except OSError as error:
            raise RuntimeError(f"the worker program can't run: {error.strerror}") from None
        if result.returncode != 0:
            raise RuntimeError("the worker program can't run: " + last_line(result.stderr))
        return result.stdout.strip()

    def clock(self) -> int:
        """This node's time, Unix ns (shifted in tests)."""
        return time.time_ns() + int(os.environ.get("FORENSIC_TEST_CLOCK_SKEW_NS") or 0)

    def cancel(self, control: str, force: bool) -> None:
        """Asks the worker that listens at `control` to end its stage."""
        if not control:
            raise RuntimeError("the worker takes no orders")
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(2)
            link.connect(control)
            link.sendall(json.dumps({"t": "cancel", "force": force}).encode() + b"\n")

    def recover(self, run: str, worker: str, attempt: str, control: str, patience: float) -> Json:
        """What a worker whose relay died left behind: spans that ended, those that did not, and whether it has gone, and all
        of its stage with it."""
        end = time.monotonic() + patience
        while not (gone := not self._listens(control)) and time.monotonic() < end:
            time.sleep(0.05)
        # A worker that was killed itself could not end its stage.
        gone = gone and end_marked(run, attempt)
        folder = below(scratch_folder(), f"{run}/{worker}/{attempt}")
        done, still_open = read_journal(os.path.join(folder, "forensic_trace.ndjson"))
        if gone:
            shutil.rmtree(folder, ignore_errors=True)
        return {"gone": gone, "spans": done, "open": still_open}

    @staticmethod
    def _listens(control: str) -> bool:
        if not control:
            return True  # It had no room for a socket: nobody knows.
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1)
            try:
                link.connect(control)
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            except OSError:
                pass
            return True

    def cleanup(self, run: str) -> None:
        """Removes what the run has left on this node; the program stays for the next run."""
        shutil.rmtree(below(scratch_folder(), run), ignore_errors=True)


def end_marked(run: str, attempt: str, patience: float = 1.5) -> bool:
    """Kills what says in its environment that it is of this attempt, until nothing does; False when something does not go."""
    stage, _, number = attempt.rpartition("#")
    marks = {"FORENSIC_RUN_ID": run, "FORENSIC_STAGE_ID": stage, "FORENSIC_ATTEMPT": number}
    wanted = {f"{name}={value}".encode() for name, value in marks.items()}
    end = time.monotonic() + patience
    while True:
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{entry}/environ", "rb") as file:
                if wanted <= set(file.read().split(b"\0")):
                    found.append(int(entry))
        if not found or time.monotonic() > end:
            return not found
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def read_journal(path: str) -> tuple[list[Json], list[Json]]:
    """(ended, still open) spans of a trace journal; a torn last line is left out."""
    done: dict[str, Json] = {}
    still_open: dict[str, Json] = {}
    with contextlib.suppress(OSError), open(path, "rb") as file:
        for line in file:
            with contextlib.suppress(ValueError, AttributeError):
                span = json.loads(line)
                if "open" in span:
                    still_open[span["open"].get("span_id")] = span["open"]
                elif "span_id" in span:
                    done[span["span_id"]] = span
    return list(done.values()), [span for name, span in still_open.items() if name not in done]


# ---- Texts -----------------------------------------------------------------------------------------------------------


def tidy(text: str, lines: int = 2) -> str:
    """A text of Ray's for people: no colours, no empty lines, few and short lines."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    kept = [line.strip()[:300] for line in plain.splitlines() if line.strip()]
    return "\n".join(kept[:lines])


def last_line(text: str) -> str:
    """The last line that says something."""
    kept = [line for line in tidy(text, 1_000_000).splitlines() if not line.startswith(("***", "Traceback", "@"))]
    return kept[-1] if kept else ""


def why_pending(need: Json, nodes: list[Json]) -> str:
    """Why nothing was scheduled: what is needed, compared with the nodes there are."""
    labels = {name: value for name, value in need.get("labels", {}).items() if re.fullmatch(r"[\w.-]+", value)}
    fitting = [node for node in nodes if all(node["labels"].get(k) == v for k, v in labels.items())]
    if not fitting:
        for name, value in labels.items():
            there = sorted({f"{name}={node['labels'][name]}" for node in nodes if name in node["labels"]})
            if f"{name}={value}" not in there:
                return f"no node has label {name}={value} (there is {', '.join(there) or 'no such label'})"
        return f"no node has all labels {', '.join(f'{k}={v}' for k, v in labels.items())}"
    wanted = {"CPU": need.get("cpus", 0), "GPU": need.get("gpus", 0), "memory": need.get("memory", 0)}
    wanted.update(need.get("custom", {}))
    wanted = {name: amount for name, amount in wanted.items() if amount}
    where = f" with label {', '.join(f'{k}={v}' for k, v in labels.items())}" if labels else ""
    for name, amount in wanted.items():
        most = max(node["total"].get(name, 0) for node in fitting)
        if most < amount:
            return f"no node{where} has {amount:g} {name} (the most is {most:g})"
    if not any(all(node["total"].get(k, 0) >= v for k, v in wanted.items()) for node in fitting):
        return f"no node{where} has all of {', '.join(f'{v:g} {k}' for k, v in wanted.items())} at the same time"
    return "all nodes that fit are busy"


# ---- Bridge: the line to the host ------------------------------------------------------------------------------------


class HostLink:
    """NDJSON with the host. Takes stdin and stdout for itself; whatever else prints, Ray included, goes to stderr."""

    def __init__(self) -> None:
        self.output = os.dup(1)
        os.dup2(2, 1)
        self.input = os.dup(0)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.set_inheritable(self.output, False)
        os.set_inheritable(self.input, False)
        self.lock = threading.Lock()
        self.wake, self.alarm = os.pipe()
        self.broken = False
        self.rest = b""
        self.waiting: collections.deque[bytes] = collections.deque()

    def say(self, kind: str, /, **fields: Any) -> None:
        """One message."""
        self.forward(json.dumps({"t": kind, **fields}, separators=(",", ":")).encode())

    def forward(self, line: bytes) -> None:
        """A line that is a message already."""
        data = line + b"\n"
        with self.lock:
            try:
                while data and not self.broken:
                    data = data[os.write(self.output, data) :]
            except OSError:
                self.broken = True
                self.end()

    def end(self, *_: object) -> None:
        """Makes `messages` end soon (also a signal handler)."""
        os.write(self.alarm, b"!")

    def hung_up(self) -> bool:
        """Has the host closed its end?"""
        poll = select.poll()
        poll.register(self.input, select.POLLHUP)
        return any(event & select.POLLHUP for _, event in poll.poll(0))

    def messages(self) -> Iterator[Json]:
        """What the host says, until it hangs up, `end` is called, or it says something that is no protocol."""
        while True:
            while self.waiting:
                try:
                    message = json.loads(self.waiting.popleft())
                except ValueError:
                    self.say("warn", text="the host sent a line that is not JSON")
                    continue
                if isinstance(message, dict):
                    yield message
            ready, _, _ = select.select([self.wake, self.input], [], [])
            piece = b"" if self.wake in ready else os.read(self.input, 1 << 16)
            if not piece:
                return
            *lines, self.rest = (self.rest + piece).split(b"\n")
            self.waiting.extend(lines)
            if len(self.rest) > LINE_MAX:
                self.say("warn", text="the host sent a line of more than 1 MiB: the bridge gives up")
                return


class Refused(Exception):
    """The bridge can't work with this cluster. Its text: what; and then what was tried and what came back."""

    def __init__(self, what: str, tried: str = "", detail: str = "") -> None:
        super().__init__(what)
        self.what, self.tried, self.detail = what, tried, tidy(detail)


# ---- Bridge: connecting to Ray ---------------------------------------------------------------------------------------


class Stderr:
    """Catches file descriptor 2 while Ray connects: only there it says why it could not. Passes all of it on afterwards."""

    def __enter__(self) -> Stderr:
        self.file = tempfile.TemporaryFile()
        self.real = os.dup(2)
        os.dup2(self.file.fileno(), 2)
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self.real, 2)
        with contextlib.suppress(OSError):
            os.write(2, self.text().encode())
        os.close(self.real)

    def text(self) -> str:
        """What has been written so far (the last of it)."""
        size = os.fstat(self.file.fileno()).st_size
        return os.pread(self.file.fileno(), 20_000, max(0, size - 20_000)).decode(errors="replace")

    def reason(self) -> str:
        """The last line that may explain a failure."""
        words = re.compile(r"auth|token|version|mismatch|refused|unavailable|denied|error|fail", re.IGNORECASE)
        noise = re.compile(r"cgroup|8\.8\.8\.8|local IP|metrics|usage", re.IGNORECASE)
        lines = [line for line in tidy(self.text(), 1_000_000).splitlines() if not noise.search(line)]
        # Ray's own prefix: time, level, process, file.
        lines = [re.sub(r"^\[[^\]]*\]\s*(\(\w+\)\s*)?(\S+:\d+:\s*)?", "", line) for line in lines]
        return next((line for line in reversed(lines) if re.search(r"auth|token", line, re.IGNORECASE)), "") or next(
            (line for line in reversed(lines) if words.search(line)), ""
        )


def connect(hello: Json, link: HostLink) -> Any:
    """The connected `ray` module, or `Refused` with the reason."""
    address = hello.get("address") or "auto"
    if address.startswith("ray://"):
        raise Refused("ray:// (Ray Client) can't stream: run forensic-host on a machine of the cluster", address)
    if hello.get("token_file"):
        if not os.access(hello["token_file"], os.R_OK):
            raise Refused(f"can't read the token file {hello['token_file']}", address)
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=hello["token_file"])
        os.environ.pop("RAY_AUTH_TOKEN", None)
    os.environ["RAY_RUNTIME_ENV_IGNORE_GITIGNORE"] = "1"
    try:
        import ray
    except ImportError as error:
        what = f"{sys.executable} (Python {platform.python_version()}) has no module ray: install the cluster's version"
        raise Refused(what, f"import ray with {sys.executable}", str(error)) from None
    tried = f"address {address} with Ray {ray.__version__}, Python {platform.python_version()} ({sys.executable})"
    environment = {"working_dir": hello["ship_dir"], "excludes": excluded(hello)} if ships(hello) else {}
    outcome: queue.Queue[BaseException | None] = queue.Queue()

    def work() -> None:
        try:
            look_first(address, tried)
            ray.init(
                address=address,
                runtime_env=environment or None,
                log_to_driver=False,
                logging_level="error",
                configure_logging=True,
            )
            outcome.put(None)
        except BaseException as error:
            outcome.put(error)

    patience = hello.get("connect_timeout_ms", 30_000) / 1000
    with Stderr() as errors:
        threading.Thread(target=work, daemon=True).start()
        error = wait_for(outcome, patience, link)
        if error is None:
            return ray
        if isinstance(error, Refused):
            raise error
        detail = errors.reason() or last_line(str(error))
        raise Refused(explain(str(error) + "\n" + errors.text(), patience), tried, detail)


def wait_for(outcome: queue.Queue[BaseException | None], patience: float, link: HostLink) -> BaseException | None:
    """What the connecting thread brought; an error of our own when it takes too long."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        with contextlib.suppress(queue.Empty):
            return outcome.get(timeout=0.1)
        if link.hung_up():
            os._exit(0)
    return TimeoutError(f"no connection within {patience:g} s")


def explain(text: str, patience: float) -> str:
    """What went wrong, in our words."""
    if re.search(r"unauthenticated|invalid ?auth|InvalidAuthToken|authentication", text, re.IGNORECASE):
        return "the cluster refused our token (or wants one): set token_file to the cluster's token"
    if re.search(r"version mismatch|different version|was started with", text, re.IGNORECASE):
        return "the cluster has another version of Ray or Python: use the interpreter of the cluster (python = …)"
    if re.search(r"could not find any running ray|no address|RAY_ADDRESS", text, re.IGNORECASE):
        return "no Ray cluster runs on this machine: start or join one with `ray start`, or set address"
    causes = "this machine is not a node of the cluster, the token is missing or wrong, or the versions differ"
    return f"can't connect to Ray (waited up to {patience:g} s): {causes}"


def look_first(address: str, tried: str) -> None:
    """Asks the head directly for what `ray.init` fails on without a word: reachable, same versions, a node of the cluster
    here. Only when an address is given, and only says no when it is sure (the interface is not a public one)."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise Refused(f"nothing answers at {address} (is the address right, does the head run?)", tried, str(error)) from None
    import ray
    from ray._raylet import GcsClient

    client = GcsClient(address=address)
    try:
        raw = client.internal_kv_get(b"CLUSTER_METADATA", b"cluster", timeout=5)
        nodes = client.get_all_node_info(timeout=5).values()
        found = json.loads(raw)
        local = [node for node in nodes if node.state == 0 and os.path.exists(node.raylet_socket_name)]
    except Exception as error:
        if re.search(r"unauthenticated|auth", str(error), re.IGNORECASE):
            raise
        return
    theirs, ours = found.get("ray_version"), ray.__version__
    if theirs and theirs != ours:
        raise Refused(f"the cluster has Ray {theirs}, this Python has {ours}: install the same", tried)
    theirs, ours = found.get("python_version"), platform.python_version()
    if theirs and theirs.split(".")[:2] != ours.split(".")[:2]:
        raise Refused(f"the cluster has Python {theirs}, this is {ours}: set python to the same version", tried)
    if not local:
        join = f"ray start --address={address} --num-cpus=0"
        raise Refused(f"this machine is not a node of the cluster at {address}: join it with `{join}`", tried)


# ---- Bridge: shipping files ------------------------------------------------------------------------------------------


def ships(hello: Json) -> bool:
    """Are files shipped (or is there a shared file system)?"""
    return hello.get("files") == "ship"


def excluded(hello: Json) -> list[str]:
    """What of the pipeline's folder is not shipped: runs and git. An error when the rest is too large."""
    root, run = os.path.realpath(hello["ship_dir"]), os.path.realpath(hello["run_dir"])
    runs = os.path.dirname(run) if os.path.dirname(run) != root else run
    skip = {os.path.join(root, ".git"), runs}
    size = 0
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in skip]
        with contextlib.suppress(OSError):
            size += sum(os.lstat(os.path.join(folder, name)).st_size for name in files)
    if size > SHIP_MAX:
        what = f"{root} has {size >> 20} MiB, at most {SHIP_MAX >> 20} MiB can be shipped"
        raise Refused(f'{what}: move data out of it, or use a shared file system (files = "shared")', "files = ship")
    return ["/" + os.path.relpath(path, root) for path in skip if path.startswith(root + "/")]


class Inputs:
    """Files of the run directory in Ray's object store, each put once while it does not change."""

    def __init__(self, ray: Any, run_dir: str) -> None:
        self.ray, self.root = ray, run_dir
        self.known: dict[tuple[str, int, int], Any] = {}
        self.lock = threading.Lock()

    def put(self, paths: list[str]) -> list[Json]:
        """What the relay needs to lay them out."""
        return [self._one(path) for path in paths]

    def _one(self, path: str) -> Json:
        file = below(self.root, path)
        found = os.stat(file)
        stamp = (path, found.st_size, found.st_mtime_ns)
        with self.lock:
            if stamp not in self.known:
                with open(file, "rb") as read:
                    self.known[stamp] = self.ray.put(read.read())
            return {"path": path, "mode": found.st_mode & 0o777, "ref": self.known[stamp]}


# ---- Bridge: nodes ---------------------------------------------------------------------------------------------------


class Node:
    """A node of the cluster as the bridge knows it."""

    def __init__(self, info: Json) -> None:
        self.id: str = info["NodeID"]
        self.name: str = info["NodeManagerAddress"]
        self.port: int = info["NodeManagerPort"]
        self.alive: bool = info["Alive"]
        self.agent: Any = None
        self.checked = threading.Event()
        resources, labels = info.get("Resources", {}), info.get("Labels", {})
        self.report: Json = {
            "node": self.id,
            "name": self.name,
            "head": "node:__internal_head__" in resources,
            "arch": None,
            "total": {k: v for k, v in resources.items() if not k.startswith("node:")},
            "labels": {k: v for k, v in labels.items() if not k.startswith("ray.io/")},
            "offset_ns": 0,
            "bound_ns": 0,
            "shared": False,
            "worker": None,
            "problem": None,
        }


class Nodes:
    """All nodes: their agents, clocks, and which of them live."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge, self.ray = bridge, bridge.ray
        self.known: dict[str, Node] = {}
        self.head_lost_at: float | None = None

    def alive(self) -> list[Node]:
        """Those that live."""
        return [node for node in list(self.known.values()) if node.alive]

    def check_all(self, patience: float) -> list[Json]:
        """The preflight of all nodes at the same time; their reports."""
        for info in self.ray.nodes():
            if info["Alive"]:
                self._add(info)
        end = time.monotonic() + patience
        for node in self.known.values():
            if not node.checked.wait(max(0.0, end - time.monotonic())):
                node.report["problem"] = f"no answer within {patience:g} s"
        return [node.report for node in self.known.values()]

    def look(self) -> None:
        """Once a second: nodes that joined, nodes that died, a head that is gone."""
        if not self._cluster_answers():
            return
        for info in self.ray.nodes():
            node = self.known.get(info["NodeID"])
            if node is None and info["Alive"]:
                self._add(info, late=True)
            elif node and node.alive and not info["Alive"]:
                self._lost(node, info)

    def probe_clock(self, node: Node) -> bool:
        """The offset of a node's clock, from the quickest of some calls; True when it was measured."""
        best: tuple[int, int] | None = None
        for _ in range(CLOCK_CALLS):
            t0 = time.time_ns()
            theirs = self.ray.get(node.agent.clock.remote(), timeout=AGENT_PATIENCE)
            t3 = time.time_ns()
            if best is None or t3 - t0 < best[0]:
                best = (t3 - t0, theirs - (t0 + t3) // 2)
        if best is None:
            return False
        node.report.update(offset_ns=best[1], bound_ns=best[0] // 2 + 1)
        return True

    def probe_clocks(self) -> None:
        """Measures and tells the clocks of all nodes."""
        for node in self.alive():
            with contextlib.suppress(Exception):
                if node.checked.is_set() and node.agent and self.probe_clock(node):
                    offset, bound = node.report["offset_ns"], node.report["bound_ns"]
                    self.bridge.link.say("clock", node=node.id, offset_ns=offset, bound_ns=bound)

    def call(self, node_id: str, method: str, *args: Any, patience: float = AGENT_PATIENCE) -> Any:
        """A call of a node's agent; raises what it raises, or when it does not answer."""
        node = self.known.get(node_id)
        if node is None or node.agent is None or not node.alive:
            raise RuntimeError("the node has no agent")
        return self.ray.get(getattr(node.agent, method).remote(*args), timeout=patience)

    def death(self, node_id: str, patience: float) -> Json | None:
        """Ray's word on a node's death; waits for it a little, because attempts fail before the node list says so."""
        end = time.monotonic() + patience
        while True:
            with contextlib.suppress(Exception):
                for info in self.ray.nodes():
                    if info["NodeID"] == node_id and not info["Alive"]:
                        return info
            if time.monotonic() > end or (node_id in self.known and self._answers(self.known[node_id])):
                return None
            time.sleep(0.2)

    def _add(self, info: Json, late: bool = False) -> None:
        node = Node(info)
        self.known[node.id] = node
        threading.Thread(target=self._check, args=(node, late), daemon=True).start()

    def _check(self, node: Node, late: bool) -> None:
        """Starts the agent of a node and asks it whether attempts can run there."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        try:
            place = NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)
            kind = self.ray.remote(NodeAgent).options(
                num_cpus=0, max_restarts=0, max_concurrency=8, scheduling_strategy=place
            )
            node.agent = kind.remote()
            with self.bridge.probe_file() as probe:
                answer = node.agent.preflight.remote(self.bridge.program, probe, platform.machine())
                node.report.update(self.ray.get(answer, timeout=self.bridge.patience))
            self.probe_clock(node)
        except Exception as error:
            node.report["problem"] = last_line(str(error)) or type(error).__name__
        node.checked.set()
        if late:
            self.bridge.link.say("node", node=node.id, name=node.name, alive=True, why="joined", report=node.report)
            if node.report["problem"]:
                self.bridge.link.say("warn", text=f"node {node.name} can't run attempts: {node.report['problem']}")

    def _lost(self, node: Node, info: Json) -> None:
        node.alive = False
        why = tidy(info.get("DeathReasonMessage") or "", 1) or "the node died"
        self.bridge.link.say("node", node=node.id, name=node.name, alive=False, why=why)
        if node.id == self.bridge.own_node:
            self.bridge.cluster_lost(OWN_LOST)
        for attempt in self.bridge.on_node(node.id):
            attempt.fail(lost_kind(info), "NodeDiedError", why)

    def _cluster_answers(self) -> bool:
        """The head's door, tried without Ray, which would wait for 60 s and then end this process."""
        now = time.monotonic()
        own = self.known.get(self.bridge.own_node)
        here = own is None or self._answers(own)
        if reachable(self.bridge.head):
            self.head_lost_at = None
            if not here:
                # Without it nothing can be placed any more, and calls of Ray may wait for ever.
                self.bridge.cluster_lost(OWN_LOST)
            return True
        self.head_lost_at = self.head_lost_at or now
        if now - self.head_lost_at > CLUSTER_GRACE or not here:
            self.bridge.cluster_lost("the head of the cluster does not answer any more")
        return False

    @staticmethod
    def _answers(node: Node) -> bool:
        return reachable((node.name, node.port))


def reachable(address: tuple[str, int]) -> bool:
    """Does anything accept a connection there? (A slow answer counts as yes: Ray judges those.)"""
    try:
        socket.create_connection(address, timeout=2).close()
        return True
    except socket.timeout:
        return True
    except OSError:
        return False


def lost_kind(death: Json) -> str:
    """Did the node leave in good order, or was it lost? (Ray's reasons 1, 3, 4: terminated, idle, preempted.)"""
    return "node_drained" if death.get("DeathReason") in (1, 3, 4) else "node_lost"


# ---- Bridge: one attempt ---------------------------------------------------------------------------------------------


class Attempt:
    """An attempt from `submit` to its end. A thread of its own reads its stream."""

    def __init__(self, bridge: Bridge, message: Json) -> None:
        self.bridge, self.ray, self.link = bridge, bridge.ray, bridge.link
        self.message, self.id, self.job = message, str(message["id"]), message["job"]
        self.lock = threading.RLock()
        self.stream: Any = None
        self.started: Json | None = None
        self.over = False  # `ended` or `failed` was said, or is about to be.
        self.failed, self.kind = False, ""
        self.cancelled = self.forced = False
        self.submitted_at = self.event_at = time.monotonic()
        self.pending = ""

    # The stream.

    def run(self) -> None:
        """Submits the task and passes on what comes, to the end."""
        try:
            self.stream = self._submit()
        except Exception as error:
            self.fail("internal", type(error).__name__, last_line(str(error)))
            return
        self.link.say("queued", id=self.id)
        if self.cancelled:
            self.cancel(self.forced)
        try:
            self._read()
        except Exception as error:
            try:
                self._classify(error)
            except Exception as second:
                # Whatever is wrong here: each attempt has an end.
                self._say_failed("internal", type(error).__name__, f"{last_line(str(error))}; then {second!r}", False, 0)

    def _submit(self) -> Any:
        need, hello = self.message.get("need", {}), self.bridge.hello
        options: Json = {
            "num_cpus": need.get("cpus", 1),
            "num_gpus": need.get("gpus") or None,
            "memory": need.get("memory") or None,
            "resources": need.get("custom") or None,
            "max_retries": 0,
            "num_returns": "streaming",
            "name": "forensic-host",
            "_generator_backpressure_num_objects": hello.get("window", 16),
        }
        if need.get("labels"):
            options["label_selector"] = need["labels"]
        ship = None
        if ships(hello):
            ship = {"ship_dir": hello["ship_dir"], "inputs": self.bridge.inputs.put(self.message.get("inputs") or [])}
        spec = {"program": self.bridge.program, "ship": ship, "lease_ms": hello["lease_ms"], "beat_ms": hello["beat_ms"]}
        return self.bridge.relay.options(**options).remote(self.job, spec)

    def _read(self) -> None:
        while True:
            ready, _ = self.ray.wait([self.stream], timeout=1.0, fetch_local=False)
            if self.failed:
                return  # Reading on would renew the lease of a stage that was given up.
            if not ready:
                self._check_time()
                continue
            try:
                item = self.ray.get(next(self.stream))
            except StopIteration:
                self.fail("supervisor_lost", "EndOfStream", "the worker's stream ended without a result")
                return
            self.event_at = time.monotonic()
            if isinstance(item, dict):
                self.fail("supervisor_lost", "WorkerEnded", last_line(item.get("lost", "")) or "it said nothing")
            else:
                for line in item.split(b"\n")[:-1]:
                    self._line(line)

    def _line(self, line: bytes) -> None:
        """A line of the worker: checked, then passed on as it is."""
        try:
            message = json.loads(line) if len(line) < LINE_MAX else None
        except ValueError:
            message = None
        if not isinstance(message, dict) or message.get("id") != self.id:
            self.link.say("warn", text=f"{self.id}: a line of the worker that is no message was dropped")
            return
        with self.lock:
            if self.over:
                return
            if message.get("t") == "started":
                self.started = message
                if self.cancelled:
                    threading.Thread(target=self._cancel_worker, daemon=True).start()
            elif message.get("t") == "ended":
                self.over = True
            self.link.forward(line)
        if self.over:
            self.bridge.forget(self)

    # Time.

    def _check_time(self) -> None:
        """Each second without an item: why is it waiting, or has it been silent for too long?"""
        now = time.monotonic()
        if self.started and not self.over:
            if now - self.event_at > self.bridge.hello.get("lost_after_ms", 90_000) / 1000:
                self._ray_cancel(True)
                self.fail("worker_lost", "Silence", f"no event for {now - self.event_at:.0f} s, though its node lives")
            return
        if self.over:
            return
        waited, limit = now - self.submitted_at, self.message.get("queue_timeout_ms")
        if limit is not None and waited > limit / 1000:
            self._ray_cancel(True)
            self.fail("queue_timeout", "QueueTimeout", self.pending or f"did not start within {limit / 1000:g} s")
        elif waited > PENDING_AFTER:
            why = why_pending(self.message.get("need", {}), [node.report for node in self.bridge.nodes.alive()])
            if why != self.pending:
                self.pending = why
                self.link.say("pending", id=self.id, why=why)

    # Cancel.

    def cancel(self, force: bool) -> None:
        """Ends it: by its worker where that runs, else by Ray. A forced cancel is answered in time, whatever happens."""
        with self.lock:
            self.cancelled, self.forced = True, self.forced or force
        if force:
            timer = threading.Timer(FORCE_WITHIN, self._give_up)
            timer.daemon = True
            timer.start()
        if self.started:
            threading.Thread(target=self._cancel_worker, daemon=True).start()
        elif self.stream is not None:
            self._ray_cancel(False)

    def _cancel_worker(self) -> None:
        assert self.started
        try:
            self.bridge.nodes.call(self.started["node"], "cancel", self.started["control"], self.forced, patience=4.0)
        except Exception:
            self._ray_cancel(self.forced)

    def _ray_cancel(self, force: bool) -> None:
        stream = self.stream
        with contextlib.suppress(Exception):
            if stream is not None:
                self.ray.cancel(stream, force=force)

    def _give_up(self) -> None:
        if not self.over:
            self._ray_cancel(True)
            self.fail("cancelled", "NoAnswer", "the worker did not answer a forced cancel; its lease will end it")

    # Failures.

    def _classify(self, error: Exception) -> None:
        """Ray's exception, named as what it was."""
        names = {kind.__name__ for kind in type(error).__mro__}
        shown, detail = type(error).__name__, tidy(str(error))
        node = self.started["node"] if self.started else ""
        if not reachable(self.bridge.head) and "TaskCancelledError" not in names:
            kind = "cluster_lost"
        elif "TaskCancelledError" in names or (self.cancelled and "RayTaskError" in names):
            kind = "cancelled"
        elif "OutOfMemoryError" in names:
            kind = "worker_oom"
        elif names & {"NodeDiedError", "WorkerCrashedError", "ActorDiedError", "ObjectLostError", "RayActorError"}:
            # A node's death may be seen as that of its worker first. Without `started`, the node is named in the text only.
            node = node or next((one for one in self.bridge.nodes.known if one in str(error)), "")
            death = self.bridge.nodes.death(node, 4.0) if node else None
            lost = death is not None or "NodeDiedError" in names
            kind = lost_kind(death or {}) if lost else "worker_lost"
            # Behind the first sentence there is advice on Ray's own logs.
            detail = tidy((death or {}).get("DeathReasonMessage") or detail, 1).split(". ")[0]
        elif names & {"LocalRayletDiedError", "RpcError"}:
            kind = "cluster_lost"
        else:
            kind, detail = "internal", last_line(str(error))
        self.fail(kind, shown, detail)

    def fail(self, kind: str, error: str, detail: str) -> None:
        """Says that there is no result and why, once; before that, what the worker's own file had."""
        with self.lock:
            if self.over:
                return
            self.over = self.failed = True
        alive = bool(self.started) and kind not in ("node_lost", "node_drained", "cluster_lost") and self._node_lives()
        gone = self._recover() if alive and self.started else False
        if self.cancelled and kind not in ("internal", "cluster_lost"):
            kind = "cancelled"
        self._say_failed(kind, error, detail, alive, self._fence(kind, gone))

    def _say_failed(self, kind: str, error: str, detail: str, alive: bool, fence: int) -> None:
        self.over = self.failed = True
        self.kind = kind
        self.link.say("failed", id=self.id, kind=kind, error=error, detail=detail, node_alive=alive, fence_ms=fence)
        self.bridge.forget(self)

    def _node_lives(self) -> bool:
        node = self.bridge.nodes.known.get(self.started["node"]) if self.started else None
        return bool(node and node.alive)

    def _recover(self) -> bool:
        """Fetches the worker's journal; True when the worker is known to be gone."""
        assert self.started
        start, patience = self.started, 1.0 if self.forced else self.job.get("grace_ms", 2000) / 1000 + 2.0
        try:
            found = self.bridge.nodes.call(
                start["node"], "recover", self.job["run"], start["worker"], self.id, start["control"], patience,
                patience=patience + 2.0,
            )  # fmt: skip
        except Exception:
            return False
        for spans in portions(found["spans"], LINE_MAX // 2):
            self.link.say("recovered", id=self.id, spans=spans)
        if found["open"]:
            self.link.say("recovered", id=self.id, spans=[], open=found["open"][:100])
        return bool(found["gone"])

    def _fence(self, kind: str, gone: bool) -> int:
        """How long from now the attempt may still be running, ms."""
        hello, grace = self.bridge.hello, self.job.get("grace_ms", 2000)
        if gone or kind in ("queue_timeout", "internal") or (kind == "cancelled" and not self.started):
            return 0
        if kind in ("worker_lost", "worker_oom", "supervisor_lost"):
            return int(grace) + 1000
        whole = hello.get("window", 16) * hello["beat_ms"] + hello["lease_ms"] + grace
        since = (time.monotonic() - self.event_at) * 1000 if self.started else 0
        return max(0, int(whole - since))


def portions(spans: list[Json], limit: int) -> Iterator[list[Json]]:
    """The spans in lists that fit into a line."""
    part: list[Json] = []
    size = 0
    for span in spans:
        length = len(json.dumps(span))
        if part and size + length > limit:
            yield part
            part, size = [], 0
        if length < limit:
            part.append(span)
            size += length
    if part:
        yield part


# ---- Bridge: all of it -----------------------------------------------------------------------------------------------


class Bridge:
    """The driver: takes the host's messages, owns nodes and attempts."""

    def __init__(self, link: HostLink, hello: Json, ray: Any) -> None:
        self.link, self.hello, self.ray = link, hello, ray
        self.patience = hello.get("connect_timeout_ms", 30_000) / 1000
        context = ray.get_runtime_context()
        host, _, port = context.gcs_address.rpartition(":")
        self.head, self.own_node = (host, int(port)), context.get_node_id()
        self.program = self._program(hello["worker"])
        self.relay = ray.remote(relay)
        self.inputs = Inputs(ray, hello["run_dir"])
        self.attempts: dict[str, Attempt] = {}
        self.given_up: list[Attempt] = []
        self.lock = threading.Lock()
        self.nodes = Nodes(self)

    def _program(self, worker: Json) -> Json:
        program: Json = {"path": worker["path"], "sha256": worker.get("sha256"), "ref": None}
        if program["sha256"]:
            try:
                with open(worker["path"], "rb") as file:
                    program["ref"] = self.ray.put(file.read())
            except OSError as error:
                raise Refused(f"can't read the worker program {worker['path']}: {error.strerror}") from None
        return program

    def ready(self) -> None:
        """The preflight; `ready` or `Refused`."""
        if not os.access(self.hello["run_dir"], os.W_OK | os.X_OK):
            raise Refused(f"can't write in the run directory {self.hello['run_dir']}")
        reports = self.nodes.check_all(self.patience)
        if not reports:
            raise Refused("the cluster has no living node")
        token = os.environ.get("RAY_AUTH_MODE", "").lower() == "token"
        self.link.say(
            "ready",
            proto=PROTO,
            ray=self.ray.__version__,
            python=platform.python_version(),
            auth="token" if token else "none",
            nodes=reports,
        )
        threading.Thread(target=self._watch, daemon=True).start()

    @contextlib.contextmanager
    def probe_file(self) -> Iterator[str]:
        """A file with a random name in the run directory: a node that can read it shares the file system."""
        name = f".ray-probe-{secrets.token_hex(16)}"
        path = os.path.join(self.hello["run_dir"], name)
        with open(path, "w", encoding="ascii") as file:
            file.write(name)
        try:
            yield path
        finally:
            os.unlink(path)

    def _watch(self) -> None:
        """Nodes each second, clocks each minute."""
        clocks_at = time.monotonic() + CLOCK_EVERY
        while True:
            time.sleep(1.0)
            try:
                self.nodes.look()
            except Exception as error:
                self.link.say("warn", text=f"the list of nodes: {last_line(str(error))}")
            if time.monotonic() > clocks_at:
                clocks_at = time.monotonic() + CLOCK_EVERY
                threading.Thread(target=self.nodes.probe_clocks, daemon=True).start()

    def serve(self) -> float:
        """Does what the host says until it has had enough; how many seconds are left to end well."""
        for message in self.link.messages():
            kind = message.get("t")
            if kind == "submit":
                self._submit(message)
            elif kind == "cancel":
                attempt = self.attempts.get(str(message.get("id")))
                if attempt:
                    attempt.cancel(bool(message.get("force")))
            elif kind == "probe":
                threading.Thread(target=self.nodes.probe_clocks, daemon=True).start()
            elif kind == "stop":
                return float(message.get("deadline_ms", 5000)) / 1000
        return 5.0

    def _submit(self, message: Json) -> None:
        attempt = Attempt(self, message)
        with self.lock:
            self.attempts[attempt.id] = attempt
        threading.Thread(target=attempt.run, daemon=True).start()

    def forget(self, attempt: Attempt) -> None:
        """An attempt is over. One that failed keeps its stream: once that is dropped, Ray lets the relay send without end,
        nothing blocks there any more, and the lease of a stage that was given up would be renewed for ever."""
        with self.lock:
            self.attempts.pop(attempt.id, None)
            if attempt.failed:
                self.given_up.append(attempt)

    def living(self) -> list[Attempt]:
        """The attempts that are not over."""
        with self.lock:
            return list(self.attempts.values())

    def on_node(self, node_id: str) -> list[Attempt]:
        """The attempts that run on a node."""
        return [one for one in self.living() if one.started and one.started["node"] == node_id]

    def cluster_lost(self) -> None:
        """Nothing more can come: all attempts fail, and the bridge ends."""
        lost = self.living() + [one for one in self.given_up if one.kind == "cluster_lost"]
        for attempt in lost:
            attempt.fail("cluster_lost", "ClusterLost", "the head of the cluster does not answer any more")
        # The nodes' agents may still be within reach: better than to wait for the nodes to see it by themselves.
        calls = []
        for attempt in lost:
            node = self.nodes.known.get(attempt.started["node"]) if attempt.started else None
            if node and node.agent and attempt.started:
                with contextlib.suppress(Exception):
                    calls.append(node.agent.cancel.remote(attempt.started["control"], False))
        with contextlib.suppress(Exception):
            self.ray.wait(calls, num_returns=len(calls), timeout=3.0)
        self.link.say("bye")
        os._exit(EXIT_CLUSTER_LOST)

    def stop(self, patience: float) -> None:
        """Ends all attempts, first politely; measures the clocks once more, tidies the nodes up, leaves Ray."""
        end = time.monotonic() + patience
        overdue = threading.Timer(patience + 2.0, os._exit, (0,))
        overdue.daemon = True
        overdue.start()
        for force, until in ((False, end - 0.4 * patience), (True, end - 0.2 * patience)):
            for attempt in self.living():
                attempt.cancel(force)
            while self.living() and time.monotonic() < until:
                time.sleep(0.02)
        for attempt in self.living():
            attempt.fail("cancelled", "Stopped", "the run was stopped")
        self._leave_nodes(end)
        self.ray.shutdown()
        self.link.say("bye")

    def _leave_nodes(self, end: float) -> None:
        clocks = threading.Thread(target=self.nodes.probe_clocks, daemon=True)
        clocks.start()
        clocks.join(max(0.1, min(2.0, end - time.monotonic())))
        agents = [node.agent for node in self.nodes.alive() if node.agent]
        with contextlib.suppress(Exception):
            calls = [agent.cleanup.remote(self.hello["run"]) for agent in agents]
            self.ray.wait(calls, num_returns=len(calls), timeout=max(0.1, min(2.0, end - time.monotonic())))


def main() -> int:
    """hello, then ready or refused; then what the host wants; at the end of its messages, or at SIGTERM, everything ends."""
    link = HostLink()
    signal.signal(signal.SIGTERM, link.end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hello = next(link.messages(), None)
    if hello is None:
        return 0
    try:
        if hello.get("t") != "hello" or hello.get("proto") != PROTO:
            raise Refused(f"this bridge speaks protocol {PROTO}, the host said {hello.get('proto')}")
        ray = connect(hello, link)
        signal.signal(signal.SIGTERM, link.end)  # Ray has put one of its own there, which aborts with a stack dump.
        bridge = Bridge(link, hello, ray)
        bridge.ready()
    except Refused as refused:
        link.say("refused", what=refused.what, tried=refused.tried, detail=refused.detail)
        return EXIT_REFUSED
    bridge.stop(bridge.serve())
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Not by `sys.exit`: threads that wait for a cluster that is gone must not hold us.
    os._exit(status)
