"""One Ray cluster for the tests of the binary, ruled over standard input: tests/e2e/ray/cluster.rs.

    serve.py OPTIONS        OPTIONS is a JSON object: dir, nodes (array of what add_node takes), token, cabled, env, around (a
folder to remove at the end as well)

The first line of output is the cluster's state; then each line of input, `{"do": "add_nodes", …}`, gets a line of output,
`{"ok": …}` or `{"error": "…"}`. The end of input, which comes however the tests end, stops the cluster and removes its folder.

`cabled`: every node has a network namespace of its own, with a cable (a veth pair) to a switch in the head's, so that its cable can
be pulled. Without: all in one namespace that has only loopback.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

from cluster import NODE, PORT, Cluster, ClusterError, command_of, marked, send

ALIVE = """
import sys
from ray._raylet import GcsClient
nodes = GcsClient(address=sys.argv[1]).get_all_node_info()
print("\\n".join(node.node_manager_address for node in nodes.values() if node.state == 0))
"""
PATIENCE = 120.0


class Served(Cluster):
    """Waits for nodes by their addresses, so that one that is just dying is never mistaken for one that is coming."""

    cabled = False

    def alive(self) -> list[str]:
        """Addresses of the nodes that the head takes for alive."""
        command = [*self.enter, sys.executable, "-c", ALIVE, self.address]
        result = subprocess.run(command, env={**os.environ, **self.env}, capture_output=True, text=True, timeout=60)
        return result.stdout.split() if result.returncode == 0 else []

    def until(self, what: str, so: Any) -> None:
        """Waits for a condition on the addresses of living nodes."""
        end = time.monotonic() + PATIENCE
        while not so(self.alive()):
            for node in self.state["nodes"]:
                child = self.children.get(node["pid"])
                if node.get("wanted", True) and child is not None and child.poll() is not None:
                    raise ClusterError(f"ray start of {node['ip']} ended with {child.returncode}: {self._logs()}")
            if time.monotonic() > end:
                raise ClusterError(f"{what}: not within {PATIENCE} s: {self._logs()}")
            time.sleep(0.1)

    def add_nodes(self, nodes: list[dict[str, Any]]) -> list[str]:
        """Starts them side by side; their addresses, once all live."""
        ips = [self.add_node(**node, wait=False) for node in nodes]
        self.until(f"nodes {ips}", lambda alive: set(ips) <= set(alive))
        return ips

    def kill(self, ip: str, what: str, name: str = "KILL") -> list[int]:
        """A signal to a node's `start`, `raylet` or `gcs_server`."""
        for node in self.state["nodes"]:
            if node["ip"] == ip:
                node["wanted"] = False
        return self.kill_node(ip, what, signal.Signals["SIG" + name])

    def remove(self, ips: list[str]) -> None:
        """Ends nodes, and waits until the head knows."""
        for ip in ips:
            self.kill(ip, "start")
            for pid in set(marked(NODE, ip)) & set(self.left()):
                send(pid, signal.SIGKILL)
        self.until(f"the end of {ips}", lambda alive: not set(ips) & set(alive))


class Cabled(Served):
    """A namespace for each node; the head's has the switch."""

    cabled = True

    def _namespace(self) -> None:
        super()._namespace()
        self.state["address"] = f"{self.ip(2)}:{PORT}"
        self.state["holders"] = {}
        self.ip_tool("link", "add", "switch", "type", "bridge", "forward_delay", "0")
        self.ip_tool("address", "add", f"{self.ip(2)}/24", "dev", "switch")
        self.ip_tool("link", "set", "switch", "up")

    @staticmethod
    def ip(number: int) -> str:
        """Address of a node."""
        return f"10.77.0.{number}"

    def ip_tool(self, *arguments: str, number: int | None = None) -> None:
        """`ip` in the head's namespace, or a node's."""
        enter = self.enter if number is None else self.enter_node(number)
        done = subprocess.run([*enter, "ip", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise ClusterError(f"ip {' '.join(arguments)}: {done.stderr}")

    def enter_node(self, number: int) -> list[str]:
        """The start of a command line in a node's namespace."""
        return ["nsenter", f"--net=/proc/{self.state['holders'][str(number)]}/ns/net", "--"]

    def cable(self, number: int) -> None:
        """A namespace with a cable to the switch."""
        script = "ip link set lo up && echo up && exec sleep infinity"
        holder = self._spawn(["unshare", "--net", "sh", "-c", script], {}, "namespace.log", subprocess.PIPE)
        assert holder.stdout
        if holder.stdout.readline() != b"up\n":
            raise ClusterError("no network namespace: " + (self.directory / "namespace.log").read_text())
        holder.stdout.close()
        self.state["holders"][str(number)] = holder.pid
        self.ip_tool("link", "add", f"cable{number}", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        self.ip_tool("link", "set", f"cable{number}", "master", "switch", "up")
        self.ip_tool("address", "add", f"{self.ip(number)}/24", "dev", "eth0", number=number)
        self.ip_tool("link", "set", "eth0", "up", number=number)

    def _place(self, number: int) -> tuple[str, list[str]]:
        if number == 2:
            return self.ip(number), self.enter
        self.cable(number)
        return self.ip(number), self.enter_node(number)

    def stop(self) -> None:
        """What holds the namespaces goes first, as nothing else ends it; a namespace lasts while anybody is in it."""
        for holder in self.state.get("holders", {}).values():
            send(holder, signal.SIGKILL)
        super().stop()

    def pull(self, ip: str, out: bool = True) -> None:
        """Pulls a node's cable, or puts it back."""
        number = ip.rpartition(".")[2]
        self.ip_tool("link", "set", f"cable{number}", "down" if out else "up")


def answer(cluster: Any, order: dict[str, Any]) -> Any:
    """What one line asks for."""
    match order.pop("do"):
        case "add_nodes":
            return cluster.add_nodes(**order)
        case "kill":
            return cluster.kill(**order)
        case "remove":
            return cluster.remove(**order)
        case "pull":
            return cluster.pull(**order)
        case "left":
            return [{"pid": pid, "command": command_of(pid)} for pid in cluster.left()]
        case unknown:
            raise ClusterError(f"there is no {unknown}")


def say(line: dict[str, Any]) -> None:
    """One line of output."""
    print(json.dumps(line), flush=True)


def main() -> None:
    """Start, obey, stop."""
    options = json.loads(sys.argv[1])
    nodes = options.pop("nodes", [])
    kind = Cabled if options.pop("cabled", False) else Served
    around = options.pop("around", None)
    cluster = kind(options.pop("dir"), nodes=0, **options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        cluster.start()
        cluster.add_nodes(nodes)
        say({"ok": cluster.state})
        for line in sys.stdin:
            try:
                say({"ok": answer(cluster, json.loads(line))})
            except (ClusterError, OSError, subprocess.SubprocessError, TypeError) as error:
                say({"error": str(error)})
    except (ClusterError, OSError) as error:
        say({"error": str(error)})
    finally:
        cluster.stop()
        if around:
            shutil.rmtree(around, ignore_errors=True)


if __name__ == "__main__":
    main()
