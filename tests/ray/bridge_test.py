"""The bridge (host/src/dag/ray/bridge.py) on a real Ray cluster, with faults that really happen.

Needs root, a Python with Ray to run it, and the worker program: FORENSIC_HOST=target/release/forensic-host python bridge_test.py
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from cluster import Cluster, command_of, marked, send  # noqa: E402

BRIDGE = Path(__file__).parents[2] / "host/src/dag/ray/bridge.py"
PROGRAM = Path(os.environ.get("FORENSIC_HOST", Path(__file__).parents[2] / "target/release/forensic-host")).resolve()
# A stage with a child and a grandchild in a session of its own, that all want to run for long.
FAMILY = "setsid sleep 600 & sleep 600 & echo up; sleep 600"


class Bridge:
    """A bridge as the host starts it, and what it said."""

    def __init__(self, cluster: Cluster | None, folder: Path, env: dict[str, str] | None = None, **hello: Any) -> None:
        self.mark = secrets.token_hex(8)
        self.run, self.run_dir = f"run-{self.mark}", folder / f"run-{self.mark}"
        self.run_dir.mkdir()
        self.errors = open(self.run_dir / "bridge.err", "wb")
        everything = {**os.environ, **(cluster.env if cluster and env is None else env or {})}
        self.process = subprocess.Popen(
            [*(cluster.enter if cluster else []), sys.executable, "-c", BRIDGE.read_text()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=everything,
            start_new_session=True,
        )
        self.said: list[dict[str, Any]] = []
        self.fresh: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        worker = {"path": str(PROGRAM), "sha256": hashlib.sha256(PROGRAM.read_bytes()).hexdigest()}
        whole = {"t": "hello", "proto": 1, "run": self.run, "trace": "0" * 31 + "1", "worker": worker}
        whole |= {"address": cluster.address if cluster else "auto", "token_file": None, "connect_timeout_ms": 30000}
        whole |= {"beat_ms": 1000, "lease_ms": 30000, "window": 16, "lost_after_ms": 90000, "files": "shared"}
        whole |= {"ship_dir": str(folder), "run_dir": str(self.run_dir)}
        self.say(**{**whole, **hello})

    def say(self, **message: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def submit(self, stage: str, shell: str, need: dict[str, Any] | None = None, timeout: int | None = None, **job: Any) -> str:
        """A stage; its attempt's id."""
        name = f"{stage}#1"
        whole = {"id": name, "run": self.run, "stage": stage, "attempt": 1, "command": {"shell": shell}}
        whole |= {"cwd": str(self.run_dir), "run_dir": str(self.run_dir), "env": {"BRIDGE_TEST": self.mark}, "unset": []}
        whole |= {"traceparent": "00-" + "0" * 31 + "1-" + "0" * 15 + "1-01", "grace_ms": 1000, "outputs": []}
        whole |= {"files": "shared", "debug": False}
        whole |= {key: value for key, value in job.items() if key != "inputs"}
        default = {"cpus": 1.0, "gpus": 0.0, "memory": 0, "custom": {}, "labels": {}}
        self.say(t="submit", id=name, need={**default, **(need or {})}, queue_timeout_ms=timeout,
                 inputs=job.get("inputs", []), job=whole)  # fmt: skip
        return name

    def wait(self, *kinds: str, id: str | None = None, patience: float = 60.0, **fields: Any) -> dict[str, Any]:
        """The first message of such a kind, heard already or to come."""
        end = time.monotonic() + patience
        seen = 0
        while True:
            for message in self.said[seen:]:
                seen += 1
                right = all(message.get(key) == value for key, value in fields.items())
                if message["t"] in kinds and id in (None, message.get("id")) and right:
                    return message
            try:
                if self.fresh.get(timeout=max(0.01, end - time.monotonic())) is None and seen == len(self.said):
                    self.fresh.put(None)
                    raise AssertionError(f"the bridge ended without {kinds} {id}: {self.tail()}")
            except queue.Empty:
                raise AssertionError(f"no {kinds} {id} within {patience} s: {self.tail()}") from None

    def tail(self) -> str:
        return json.dumps(self.said[-8:])[:3000] + (self.run_dir / "bridge.err").read_text(errors="replace")[-3000:]

    def ends_of(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.said if message.get("id") == name and message["t"] in ("ended", "failed")]

    def left(self) -> list[str]:
        """Living processes of the stages of this bridge."""
        return [command_of(pid) for pid in marked("BRIDGE_TEST", self.mark)]

    def nothing_left(self, patience: float) -> None:
        """An error when processes of the stages live longer than that."""
        end = time.monotonic() + patience
        while left := self.left():
            if time.monotonic() > end:
                raise AssertionError(f"left after {patience} s: {left}")
            time.sleep(0.05)

    def close(self) -> int:
        """Ends it in good order, or by force; its exit status."""
        if self.process.poll() is None:
            try:
                self.say(t="stop", deadline_ms=5000)
                self.process.wait(15)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.errors):
            with contextlib.suppress(OSError):
                file.close()  # type: ignore[union-attr]
        return self.process.returncode

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            message = json.loads(line)
            self.said.append(message)
            self.fresh.put(message)
        self.fresh.put(None)


class OnCluster(unittest.TestCase):
    """A cluster for all tests of a class; each test has bridges of its own."""

    cluster: Cluster
    folder: Path
    options: dict[str, Any] = {}

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="bridge-test-"))
        cls.cluster = Cluster(f"/tmp/r{secrets.token_hex(2)}", **cls.options)
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.enterClassContext(cls.cluster)

    def bridge(self, **hello: Any) -> Bridge:
        bridge = Bridge(self.cluster, self.folder, **hello)
        self.addCleanup(bridge.close)
        return bridge

    def no_worker_left(self) -> None:
        """An error when a worker program lives for longer than it needs for its last words."""
        end = time.monotonic() + 4
        while left := [pid for pid in self.cluster.left() if "--detached" in command_of(pid)]:
            self.assertLess(time.monotonic(), end, left)
            time.sleep(0.05)

    def ready(self, **hello: Any) -> Bridge:
        bridge = self.bridge(**hello)
        bridge.wait("ready", "refused")
        self.assertEqual("ready", bridge.said[0]["t"], bridge.said)
        return bridge


class Clean(OnCluster):
    """What works when nothing goes wrong."""

    def test_ready_tells_all_about_the_nodes(self) -> None:
        bridge = self.ready()
        ready = bridge.said[0]
        self.assertEqual(("token", 1), (ready["auth"], ready["proto"]))
        self.assertEqual(["127.0.0.2"], [node["name"] for node in ready["nodes"] if node["head"]])
        for node in ready["nodes"]:
            self.assertTrue(node["shared"] and node["worker"].startswith("forensic-host"), node)
            self.assertIsNone(node["problem"])
            self.assertLess(abs(node["offset_ns"]), 50_000_000 + node["bound_ns"])
        zones = {node["name"]: node["labels"].get("zone") for node in ready["nodes"]}
        self.assertLessEqual({("127.0.0.2", "head"), ("127.0.0.3", "a"), ("127.0.0.4", "b")}, set(zones.items()))
        self.assertEqual([], list(bridge.run_dir.glob(".ray-probe-*")))
        self.assertEqual(0, bridge.close())
        self.assertEqual("bye", bridge.said[-1]["t"])

    def test_twenty_attempts_in_order_and_once(self) -> None:
        bridge = self.ready()
        names = [bridge.submit(f"s{i}", f"echo out {i}; exit {i % 3}") for i in range(20)]
        for i, name in enumerate(names):
            self.assertEqual((i % 3, "exit"), tuple(bridge.wait("ended", id=name)[key] for key in ("code", "why")))
        for i, name in enumerate(names):
            lines = [message for message in bridge.said if message.get("id") == name]
            self.assertEqual("queued", lines[0]["t"])
            numbered = [line for line in lines if "n" in line]
            self.assertEqual(list(range(len(numbered))), [line["n"] for line in numbered])
            self.assertEqual(("started", "ended"), (numbered[0]["t"], numbered[-1]["t"]))
            self.assertTrue(numbered[0]["worker"].startswith(numbered[0]["node"][:12] + "-"))
            text = b"".join(base64.b64decode(line["b64"]) for line in lines if line["t"] == "log")
            self.assertEqual(f"out {i}\n".encode(), text)

    def test_a_hundred_trivial_attempts_are_timed(self) -> None:
        bridge = self.ready()
        bridge.wait("ended", id=bridge.submit("warm", "true"))
        single = []
        for i in range(20):
            start = time.monotonic()
            bridge.wait("ended", id=bridge.submit(f"one{i}", "true"))
            single.append(time.monotonic() - start)
        start = time.monotonic()
        for name in [bridge.submit(f"many{i}", "true") for i in range(100)]:
            self.assertEqual(0, bridge.wait("ended", id=name)["code"])
        took, median = time.monotonic() - start, sorted(single)[10]
        load = os.getloadavg()[0]
        print(f"\n100 trivial attempts: {took:.2f} s; one by one: median {median * 1000:.1f} ms (load {load:.1f})")

    def test_environment_of_a_stage_has_nothing_of_ray(self) -> None:
        bridge = self.ready()
        name = bridge.submit("env", "env", env={"BRIDGE_TEST": bridge.mark, "A": "1"})
        bridge.wait("ended", id=name)
        text = b"".join(base64.b64decode(m["b64"]) for m in bridge.said if m["t"] == "log").decode()
        names = {line.partition("=")[0] for line in text.splitlines()}
        self.assertIn("A", names)
        self.assertEqual(set(), {one for one in names if one.startswith("RAY_") or one == "PYTHONPATH"})

    def test_labels_and_custom_resources_choose_the_node(self) -> None:
        bridge = self.ready()
        name = bridge.submit("b", "true", {"labels": {"zone": "b"}, "custom": {"slot": 1}})
        self.assertEqual("127.0.0.4", bridge.wait("started", id=name)["node_name"])

    def test_pending_says_why_and_ends_in_time(self) -> None:
        bridge = self.ready()
        zone = bridge.submit("zone", "true", {"labels": {"zone": "zz"}}, timeout=7000)
        much = bridge.submit("much", "true", {"cpus": 64}, timeout=7000)
        self.assertIn("zone=zz", bridge.wait("pending", id=zone)["why"])
        self.assertIn("64 CPU", bridge.wait("pending", id=much)["why"])
        self.assertEqual("queue_timeout", bridge.wait("failed", id=zone)["kind"])
        self.assertIn("64 CPU", bridge.wait("failed", id=much)["detail"])

    def test_pending_for_busy_nodes_then_runs(self) -> None:
        bridge = self.ready()
        first = bridge.submit("long", "sleep 8", {"cpus": 2, "labels": {"zone": "a"}})
        bridge.wait("started", id=first)
        second = bridge.submit("next", "true", {"cpus": 2, "labels": {"zone": "a"}})
        self.assertIn("busy", bridge.wait("pending", id=second)["why"])
        self.assertEqual(0, bridge.wait("ended", id=second)["code"])

    def test_cancel_of_a_pending_attempt(self) -> None:
        bridge = self.ready()
        name = bridge.submit("zone", "true", {"labels": {"zone": "zz"}})
        bridge.wait("queued", id=name)
        bridge.say(t="cancel", id=name, force=False)
        self.assertEqual("cancelled", bridge.wait("failed", id=name, patience=10)["kind"])

    def test_soft_and_forced_cancel_leave_nothing(self) -> None:
        bridge = self.ready()
        for force, stage in ((False, FAMILY), (True, "trap '' TERM; " + FAMILY)):
            name = bridge.submit(f"family-{force}", stage)
            bridge.wait("log", id=name)
            self.assertGreaterEqual(len(bridge.left()), 3)
            bridge.say(t="cancel", id=name, force=force)
            end = bridge.wait("ended", "failed", id=name, patience=10)
            self.assertEqual("cancelled", end.get("why") or end.get("kind"))
            bridge.nothing_left(3)
            time.sleep(1)
            self.assertEqual(1, len(bridge.ends_of(name)))

    def test_forced_cancel_of_a_worker_that_hangs_is_answered(self) -> None:
        bridge = self.ready(lease_ms=5000)
        name = bridge.submit("hangs", FAMILY)
        control = bridge.wait("started", id=name)["control"]
        bridge.wait("log", id=name)
        workers = [pid for pid in self.cluster.left() if "--detached" in command_of(pid)]
        self.assertEqual(1, len(workers), control)
        send(workers[0], signal.SIGSTOP)
        bridge.say(t="cancel", id=name, force=True)
        end = bridge.wait("failed", id=name, patience=10)
        self.assertEqual("cancelled", end["kind"])
        send(workers[0], signal.SIGCONT)
        bridge.nothing_left(10)

    def test_worker_process_killed(self) -> None:
        bridge = self.ready()
        name = bridge.submit("victim", FAMILY)
        started = bridge.wait("started", id=name)
        bridge.wait("log", id=name)
        os.kill(int(started["worker"].split("-")[1]), signal.SIGKILL)
        failed = bridge.wait("failed", id=name, patience=15)
        self.assertEqual(("worker_lost", "WorkerCrashedError", True), (failed["kind"], failed["error"], failed["node_alive"]))
        bridge.nothing_left(3)
        spans = [span for m in bridge.said if m["t"] == "recovered" for span in m["spans"]]
        self.assertIn(started["span"], [span["span_id"] for span in spans])
        self.assertEqual(1, len(bridge.ends_of(name)))

    def test_supervisor_killed(self) -> None:
        bridge = self.ready()
        name = bridge.submit("orphan", "sleep 3")
        bridge.wait("started", id=name)
        for pid in self.cluster.left():
            if "--detached" in command_of(pid):
                send(pid, signal.SIGKILL)
        self.assertEqual("supervisor_lost", bridge.wait("failed", id=name, patience=20)["kind"])

    def test_hanging_up_ends_everything(self) -> None:
        for how in ("stdin", "term", "kill"):
            with self.subTest(how=how):
                bridge = self.ready()
                name = bridge.submit("family", FAMILY)
                bridge.wait("log", id=name)
                pending = bridge.submit("pending", "true", {"labels": {"zone": "zz"}})
                bridge.wait("queued", id=pending)
                assert bridge.process.stdin
                if how == "stdin":
                    bridge.process.stdin.close()
                else:
                    send(bridge.process.pid, signal.SIGTERM if how == "term" else signal.SIGKILL)
                self.assertEqual(-9 if how == "kill" else 0, bridge.process.wait(10))
                bridge.nothing_left(4)
                self.no_worker_left()

    def test_clock_is_probed_on_demand_and_skew_is_seen(self) -> None:
        ip = self.cluster.add_node(env={"FORENSIC_TEST_CLOCK_SKEW_NS": "5000000000"})
        self.addCleanup(self.cluster.kill_node, ip)
        bridge = self.ready()
        node = next(node for node in bridge.said[0]["nodes"] if node["name"] == ip)
        self.assertLess(abs(node["offset_ns"] - 5_000_000_000), node["bound_ns"] + 20_000_000)
        bridge.say(t="probe")
        clock = bridge.wait("clock", node=node["node"])
        self.assertLess(abs(clock["offset_ns"] - 5_000_000_000), clock["bound_ns"] + 20_000_000)

    def test_node_that_joins_late_is_used(self) -> None:
        bridge = self.ready()
        name = bridge.submit("late", "true", {"custom": {"late": 1}})
        bridge.wait("pending", id=name)
        ip = self.cluster.add_node(resources={"late": 1})
        self.addCleanup(self.cluster.kill_node, ip)
        self.assertTrue(bridge.wait("node", name=ip)["alive"])
        self.assertEqual(0, bridge.wait("ended", id=name)["code"])

    def test_shipped_files(self) -> None:
        pipeline = self.folder / "pipeline"
        pipeline.mkdir()
        (pipeline / "code.sh").write_text("cat $FORENSIC_DATA_DIR/in.txt; echo made > $FORENSIC_DATA_DIR/out.txt; touch junk; pwd; ls\n")
        (pipeline / ".gitignore").write_text("code.sh\n")
        bridge = self.ready(files="ship", ship_dir=str(pipeline))
        (bridge.run_dir / "data").mkdir()
        (bridge.run_dir / "data/in.txt").write_text("brought along\n")
        where = {"cwd": str(pipeline), "files": "ship", "outputs": ["data/out.txt"], "inputs": ["data/in.txt"]}
        for stage in ("one", "two"):
            end = bridge.wait("ended", "failed", id=bridge.submit(stage, "sh code.sh; echo code $?", **where))
            text = b"".join(base64.b64decode(m["b64"]) for m in bridge.said if m["t"] == "log" and m["id"] == end["id"]).decode()
            self.assertEqual(0, end.get("code"), end)
            self.assertIn("brought along", text)
            self.assertIn("code 0", text)
            self.assertNotIn(str(self.folder), text)
        self.assertFalse((pipeline / "junk").exists())

    def test_shipping_too_much_is_refused(self) -> None:
        pipeline = self.folder / "large"
        pipeline.mkdir()
        with open(pipeline / "blob", "wb") as blob:
            blob.truncate(600 << 20)
        bridge = self.bridge(files="ship", ship_dir=str(pipeline))
        self.assertIn("600 MiB", bridge.wait("refused")["what"])


class Refusals(OnCluster):
    """No cluster to work with: said before anything runs."""

    options = {"nodes": 1}

    def refused(self, bridge: Bridge, *words: str) -> None:
        self.addCleanup(bridge.close)
        refused = bridge.wait("refused", patience=60)
        text = json.dumps(refused)
        for word in words:
            self.assertIn(word, text)
        self.assertEqual(3, bridge.process.wait(5))

    def test_ray_client_address(self) -> None:
        self.refused(Bridge(self.cluster, self.folder, address="ray://127.0.0.2:10001"), "ray://")

    def test_no_and_wrong_token(self) -> None:
        self.refused(Bridge(self.cluster, self.folder, env={}, connect_timeout_ms=25000), "token")
        wrong = self.folder / "wrong"
        wrong.write_text("0" * 64)
        self.refused(Bridge(self.cluster, self.folder, env={}, token_file=str(wrong), connect_timeout_ms=25000), "token")

    def test_token_file(self) -> None:
        bridge = Bridge(self.cluster, self.folder, env={}, token_file=self.cluster.env["RAY_AUTH_TOKEN_PATH"])
        self.addCleanup(bridge.close)
        self.assertEqual("token", bridge.wait("ready")["auth"])

    def test_nothing_listens(self) -> None:
        self.refused(Bridge(self.cluster, self.folder, address="127.0.0.2:7777"), "127.0.0.2:7777")

    def test_off_cluster(self) -> None:
        """A private /tmp hides the nodes' sockets, as on another machine."""
        hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$1"; shift; exec "$@"', "hide", str(self.cluster.directory)]
        enter = self.cluster.enter
        token = Path(tempfile.mkstemp(dir=self.folder)[1])
        shutil.copy(self.cluster.env["RAY_AUTH_TOKEN_PATH"], token)

        class Elsewhere:
            address, env = self.cluster.address, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}

        Elsewhere.enter = [*enter, *hide]  # type: ignore[attr-defined]
        self.refused(Bridge(Elsewhere, self.folder, connect_timeout_ms=25000), "not a node")  # type: ignore[arg-type]

    def test_no_ray_module(self) -> None:
        bare = self.folder / "bare.py"
        bare.write_text(f"import sys\nsys.modules['ray'] = None\nexec(compile(open({str(BRIDGE)!r}).read(), 'bridge', 'exec'))\n")
        result = subprocess.run([sys.executable, bare], input=b'{"t":"hello","proto":1}\n', capture_output=True, timeout=30)
        self.assertIn("no module ray", json.loads(result.stdout)["what"])
        self.assertEqual(3, result.returncode)


class Lost(OnCluster):
    """Nodes and heads that go away. The last test ends the cluster."""

    def test_1_node_killed(self) -> None:
        ip = self.cluster.add_node(resources={"victim": 1})
        bridge = self.ready()
        name = bridge.submit("victim", FAMILY, {"custom": {"victim": 1}})
        bridge.wait("log", id=name)
        self.cluster.kill_node(ip, "raylet")
        failed = bridge.wait("failed", id=name, patience=20)
        self.assertEqual(("node_lost", False), (failed["kind"], failed["node_alive"]))
        self.assertFalse(bridge.wait("node", name=ip)["alive"])
        bridge.nothing_left(5)
        self.assertEqual(0, bridge.wait("ended", id=bridge.submit("after", "true"))["code"])

    def test_2_node_frozen_is_fenced_by_its_lease(self) -> None:
        ip = self.cluster.add_node(resources={"frozen": 1})
        bridge = self.ready(lease_ms=5000, beat_ms=500, window=4)
        name = bridge.submit("frozen", FAMILY, {"custom": {"frozen": 1}})
        bridge.wait("log", id=name)
        self.cluster.kill_node(ip, "raylet", signal.SIGSTOP)
        failed = bridge.wait("failed", id=name, patience=30)
        self.assertEqual("node_lost", failed["kind"])
        bridge.nothing_left(failed["fence_ms"] / 1000 + 2)
        self.cluster.kill_node(ip, "raylet", signal.SIGKILL)

    def test_3_head_killed(self) -> None:
        bridge = self.ready()
        names = [bridge.submit(f"s{i}", FAMILY) for i in range(2)]
        for name in names:
            bridge.wait("log", id=name)
        self.cluster.kill_node("127.0.0.2", "gcs_server")
        for name in names:
            self.assertEqual("cluster_lost", bridge.wait("failed", id=name, patience=70)["kind"])
        bridge.process.wait(20)
        bridge.nothing_left(40)


if __name__ == "__main__":
    unittest.main(verbosity=2)
