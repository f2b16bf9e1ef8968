"""A real Ray cluster of several nodes on one machine, in a network namespace that has only loopback.

As a module:

    with Cluster("/tmp/r1", nodes=2) as cluster:
        subprocess.run(cluster.enter + ["forensic-host", "run", …], env={**os.environ, **cluster.env})

As a command (each prints JSON; the state is kept in DIR/cluster.json):

    cluster.py start --dir DIR [--nodes 2] [--cpus 2] [--head-cpus 0] [--no-token] [--env NAME=VALUE …]
    cluster.py add   --dir DIR [--cpus N] [--resources JSON] [--labels a=b,c=d] [--env NAME=VALUE …]
    cluster.py kill  --dir DIR --ip IP [--what start|raylet|gcs_server] [--signal KILL]
    cluster.py left  --dir DIR        processes of the cluster, the stages included
    cluster.py stop  --dir DIR

Node i has the address 127.0.0.(i+2); the head is 127.0.0.2. Each worker node has `slot: 2` and a label `zone` (a, b, c …).
Everything that the cluster starts carries FORENSIC_RAY_CLUSTER=<marker> in its environment, stages on it included: processes
are found by that mark and stopped by their ids, never by name. The Python that runs this file must have Ray installed.
DIR has to be short (unix sockets), such as /tmp/r1. Needs root (a network namespace).
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PORT = 6379
MARK = "FORENSIC_RAY_CLUSTER"
NODE = "FORENSIC_RAY_NODE"
QUIET = ["--disable-usage-stats", "--include-log-monitor=false", "--object-store-memory=80000000"]
# A lost node shows within 6 to 8 seconds, not after 65.
QUICK_HEALTH = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
COUNT_NODES = """
import sys
from ray._raylet import GcsClient
nodes = GcsClient(address=sys.argv[1]).get_all_node_info()
print(sum(1 for node in nodes.values() if node.state == 0))
"""


class ClusterError(RuntimeError):
    """The cluster did not come up."""


def die_with_parent() -> None:
    """In a child, before exec: end when the process (thread) that started it ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def environment_of(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it can't be read."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (item.split(b"=", 1) for item in raw.split(b"\0") if b"=" in item)
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs}


def status_of(pid: int) -> tuple[str, int]:
    """(state letter, parent) of a process; ("X", 0) when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[0], int(fields[1])
    except OSError:
        return "X", 0


def command_of(pid: int) -> str:
    """The command line of a process, on one line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def marked(name: str, value: str) -> list[int]:
    """All living processes (no zombies) with NAME=VALUE in the environment they were started with."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    return [pid for pid in pids if environment_of(pid).get(name) == value and status_of(pid)[0] not in "ZX"]


def send(pid: int, number: int) -> None:
    """A signal to one process; it may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Cluster:
    """Start with `start()` or `with`; `state` is all that another process needs to go on with it (see `load`)."""

    def __init__(
        self,
        directory: str,
        nodes: int = 2,
        cpus: int = 2,
        head_cpus: int = 0,
        token: bool = True,
        env: dict[str, str] | None = None,
        tied: bool = True,
    ) -> None:
        """`tied`: the cluster ends with the thread that started it, even when that is killed."""
        self.directory = Path(directory)
        self.wanted = {"nodes": nodes, "cpus": cpus, "head_cpus": head_cpus, "token": token, "env": env or {}}
        self.tied = tied
        self.state: dict[str, Any] = {}
        self.children: dict[int, subprocess.Popen[bytes]] = {}

    # ---- life -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Cluster:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Cluster:
        """Namespace, token, head and nodes; returns when all nodes live."""
        if self.directory.exists():
            raise ClusterError(f"{self.directory} exists: stop the cluster there, or take another folder")
        self.directory.mkdir(parents=True)
        self.state = {"marker": secrets.token_hex(8), "nodes": [], "next": 2, "address": f"127.0.0.2:{PORT}"}
        self.state["dir"] = str(self.directory)
        self.state["env"] = self._token() if self.wanted["token"] else {"RAY_AUTH_MODE": "disabled"}
        self._namespace()
        self._node(["--head", f"--port={PORT}", "--include-dashboard=false", "--num-gpus=0"],
                   cpus=self.wanted["head_cpus"], resources={}, labels={"zone": "head"}, env=self.wanted["env"])
        self._await_nodes(1)
        for _ in range(self.wanted["nodes"]):
            self.add_node(cpus=self.wanted["cpus"], env=self.wanted["env"], wait=False)
        self._await_nodes(1 + self.wanted["nodes"])
        return self

    def stop(self) -> None:
        """Ends every process of the cluster (KILL for what is left after 10 s) and removes the folder."""
        if not self.state:
            return
        for node in self.state["nodes"]:
            # The head ends well on TERM; a worker node would drain for up to 30 s, so that it goes at once.
            if node["role"] == "head" and environment_of(node["pid"]).get(MARK) == self.state["marker"]:
                send(node["pid"], signal.SIGTERM)
            elif node["role"] != "head":
                for pid in set(marked(NODE, node["ip"])) & set(self.left()):
                    send(pid, signal.SIGKILL)
        self._await_end(10.0)
        for child in self.children.values():
            child.wait()
        self.children.clear()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _await_end(self, patience: float) -> None:
        end = time.monotonic() + patience
        holder = self.state.get("namespace_pid", 0)
        while time.monotonic() < end and [pid for pid in self.left() if pid != holder]:
            self._reap()
            time.sleep(0.1)
        while left := self.left():
            for pid in left:
                send(pid, signal.SIGKILL)
            self._reap()
            time.sleep(0.05)

    def _reap(self) -> None:
        for child in self.children.values():
            child.poll()

    # ---- for tests --------------------------------------------------------------------------------------------------

    @property
    def enter(self) -> list[str]:
        """The start of a command line that runs in the cluster's network namespace."""
        return ["nsenter", f"--net=/proc/{self.state['namespace_pid']}/ns/net", "--"]

    @property
    def env(self) -> dict[str, str]:
        """What a driver needs in its environment (token authentication)."""
        return dict(self.state["env"])

    @property
    def address(self) -> str:
        """The head's address for `ray.init`."""
        return str(self.state["address"])

    def left(self) -> list[int]:
        """All living processes of the cluster, those that stages left included (their environment has the mark)."""
        return marked(MARK, self.state["marker"])

    def add_node(
        self,
        cpus: int = 2,
        resources: dict[str, float] | None = None,
        labels: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        wait: bool = True,
        gpus: int = 0,
    ) -> str:
        """One more worker node; its address. Ray takes `gpus` at its word: there need be none."""
        number = self.state["next"]
        if resources is None:
            resources = {"slot": 2}
        if labels is None:
            labels = {"zone": chr(ord("a") + number - 3)}
        before = self._count() if wait else 0
        how = [f"--address={self.address}", f"--num-gpus={gpus}"]
        node = self._node(how, cpus=cpus, resources=resources, labels=labels, env=env or {})
        if wait:
            self._await_nodes(before + 1)
        return node

    def kill_node(self, ip: str, what: str = "raylet", number: int = signal.SIGKILL) -> list[int]:
        """A signal to a node's `start` (the ray start process), `raylet` or `gcs_server`; the processes that got it."""
        pids = [n["pid"] for n in self.state["nodes"] if n["ip"] == ip] if what == "start" else self._of_node(ip, what)
        for node in self.state["nodes"]:
            node["hurt"] = node.get("hurt") or node["ip"] == ip
        self._save()
        for pid in pids:
            send(pid, number)
        return pids

    # ---- parts ------------------------------------------------------------------------------------------------------

    def _token(self) -> dict[str, str]:
        path = self.directory / "token"
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path)}

    def _spawn(self, command: list[str], env: dict[str, str], log: str, output: int | None = None) -> subprocess.Popen[bytes]:
        with open(self.directory / log, "ab") as sink:
            child = subprocess.Popen(
                command,
                env={**os.environ, **env, MARK: self.state["marker"]},
                stdin=subprocess.DEVNULL,
                stdout=sink if output is None else output,
                stderr=sink,
                cwd="/",
                start_new_session=True,
                preexec_fn=die_with_parent if self.tied else None,
            )
        self.children[child.pid] = child
        return child

    def _namespace(self) -> None:
        script = "ip link set lo up && echo up && exec sleep infinity"
        child = self._spawn(["unshare", "--net", "sh", "-c", script], {}, "namespace.log", subprocess.PIPE)
        assert child.stdout
        if child.stdout.readline() != b"up\n":
            raise ClusterError("no network namespace: " + (self.directory / "namespace.log").read_text())
        child.stdout.close()
        self.state["namespace_pid"] = child.pid
        self.state["enter"] = self.enter
        self._save()

    def _node(
        self, how: list[str], cpus: int, resources: dict[str, float], labels: dict[str, str], env: dict[str, str]
    ) -> str:
        number = self.state["next"]
        self.state["next"] = number + 1
        ip, enter = self._place(number)
        label_text = ",".join(f"{name}={value}" for name, value in labels.items())
        ray = Path(sys.executable).parent / "ray"
        command = [*enter, sys.executable, str(ray), "start", "--block", f"--node-ip-address={ip}", *QUIET, *how]
        # A folder for each node: two that start at the same time in one folder take each other's sockets.
        command += [f"--temp-dir={self.directory}/{number}", f"--num-cpus={cpus}", f"--resources={json.dumps(resources)}"]
        command += [f"--labels={label_text}"] if label_text else []
        child = self._spawn(command, {**QUICK_HEALTH, **self.env, **env, NODE: ip}, f"node-{number}.log")
        role = "head" if "--head" in how else "worker"
        self.state["nodes"].append({"ip": ip, "pid": child.pid, "role": role, "labels": labels, "resources": resources})
        self._save()
        return ip

    def _place(self, number: int) -> tuple[str, list[str]]:
        """A node's address, and how to get into its namespace."""
        return f"127.0.0.{number}", self.enter

    def _of_node(self, ip: str, name: str) -> list[int]:
        """Processes of a node whose program is `name`."""
        mine = set(marked(NODE, ip)) & set(self.left())
        return [pid for pid in mine if Path(command_of(pid).split(" ")[0]).name == name]

    def _count(self) -> int:
        command = [*self.enter, sys.executable, "-c", COUNT_NODES, self.address]
        result = subprocess.run(command, env={**os.environ, **self.env}, capture_output=True, text=True, timeout=60)
        return int(result.stdout) if result.returncode == 0 and result.stdout.strip().isdigit() else 0

    def _await_nodes(self, number: int, patience: float = 120.0) -> None:
        """Until so many nodes live; an error when a `ray start` ended before that."""
        end = time.monotonic() + patience
        while self._count() < number:
            for node in self.state["nodes"]:
                child = self.children.get(node["pid"])
                if child is not None and child.poll() is not None and not node.get("hurt"):
                    raise ClusterError(f"ray start of {node['ip']} ended with {child.returncode}: {self._logs()}")
            if time.monotonic() > end:
                raise ClusterError(f"not {number} nodes after {patience} s: {self._logs()}")
            time.sleep(0.2)

    def _logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(self.directory.glob("*.log")))

    def _save(self) -> None:
        (self.directory / "cluster.json").write_text(json.dumps(self.state, indent=1))


def load(directory: str) -> Cluster:
    """A cluster that another process started."""
    cluster = Cluster(directory, tied=False)
    cluster.state = json.loads((cluster.directory / "cluster.json").read_text())
    return cluster


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE of the command line."""
    name, _, value = text.partition("=")
    return name, value


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["start", "add", "kill", "left", "stop"])
    parser.add_argument("--dir", required=True)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--head-cpus", type=int, default=0)
    parser.add_argument("--no-token", action="store_true")
    parser.add_argument("--env", type=pair, action="append", default=[])
    parser.add_argument("--resources", type=json.loads)
    parser.add_argument("--labels", type=lambda text: dict(pair(item) for item in text.split(",") if item))
    parser.add_argument("--ip")
    parser.add_argument("--what", default="raylet", choices=["start", "raylet", "gcs_server"])
    parser.add_argument("--signal", default="KILL")
    args = parser.parse_args()
    if args.verb == "start":
        cluster = Cluster(args.dir, args.nodes, args.cpus, args.head_cpus, not args.no_token, dict(args.env), tied=False)
        try:
            cluster.start()
        except BaseException:
            cluster.stop()
            raise
        print(json.dumps(cluster.state))
        return
    cluster = load(args.dir)
    if args.verb == "add":
        ip = cluster.add_node(args.cpus, args.resources, args.labels, dict(args.env))
        print(json.dumps({"ip": ip, "pid": cluster.state["nodes"][-1]["pid"]}))
    elif args.verb == "kill":
        print(json.dumps(cluster.kill_node(args.ip, args.what, signal.Signals["SIG" + args.signal])))
    elif args.verb == "left":
        print(json.dumps([{"pid": pid, "command": command_of(pid)} for pid in cluster.left()]))
    else:
        cluster.stop()
        print("{}")


if __name__ == "__main__":
    main()
