"""An API server to ask: kube-apiserver and etcd on this machine, without a cluster, a container or a controller.

A test takes the session fixture ``api_server``::

    def test_x(api_server: Server) -> None:
        space = api_server.namespace(labels={"team": "a"})  # a fresh one; what a test creates, it creates there
        api_server.post(f"/api/v1/namespaces/{space}/configmaps", {"metadata": {"name": "a"}}).body
        api_server.get("/api/v1/nodes", user="jane", groups=("auditors",)).status  # as anybody, by impersonation
        api_server.dry_run(obj).status  # 201, or why not: .message; .warnings holds what it remarks
        api_server.create(obj)  # for real, and .path_of(obj) is where it is found then

One server serves the whole test run, all processes of pytest-xdist included: the first process that asks starts it, and
it ends when the last has ended, however that came about. So tests share it with others that run at the same time. What
acts on the requests of others (admission policies, webhooks, quotas, defaults of the cluster) must select one's own
namespace, and what has no namespace needs a name of its own, for which ``Server.unique`` is there.

Nothing runs but the API server: Deployments make no Pods, a deleted namespace stays in Terminating, aggregated
ClusterRoles stay empty, and a status is what a test writes to the subresource. Admission wants the ServiceAccount of a
Pod to exist: ``default`` does in the namespace ``default`` and in those of ``Server.namespace``. The definitions of
``../shared/crds`` are served where that folder is there.

Kubernetes' own reference describes the flags (kube-apiserver), the parameters dryRun and fieldValidation, the headers
of impersonation and the documents of discovery ("Kubernetes API", "User impersonation").
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

ADMINISTRATOR = "administrator"
USERS = tuple(f"user-{number}" for number in range(8))
"""Users with a token of their own and no rights: for programs that cannot impersonate."""

DRY_RUN = "dryRun=All&fieldValidation=Strict"
SECONDS_TO_START = 90
_LOG = "log"
_STATE = "server.json"
_STARTING = "starting.json"
_USERS = "users.lock"
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_HERE = Path(__file__).resolve()


class Programs(NamedTuple):
    """What runs: kube-apiserver, and etcd, which keeps its objects."""

    apiserver: Path
    etcd: Path


class Answer(NamedTuple):
    """What the server said: the status of HTTP, the object or ``Status`` that came back, and its warnings."""

    status: int
    body: Any
    warnings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked to do."""
        return self.status < 300

    @property
    def message(self) -> str:
        """Why not."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else str(self.body)


class Server:
    """A client of the running server; safe for threads, connections are kept.

    Args:
        state: What the process that started the server left for the others: ``url``, ``ca`` (a file), ``tokens``
            by user and ``folder`` (for files that only this server needs).
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.url: str = state["url"]
        self.ca = Path(state["ca"])
        self.tokens: Mapping[str, str] = state["tokens"]
        self._pool = urllib3.PoolManager(maxsize=8, block=True, ca_certs=str(self.ca), timeout=60, retries=False)
        self._numbers = itertools.count(1)

    def close(self) -> None:
        """End the connections, not the server."""
        self._pool.clear()

    def get(self, path: str, *, user: str = "", groups: Iterable[str] = ()) -> Answer:
        """Read an object, a list or anything else (``/readyz``)."""
        return self.ask("GET", path, None, user=user, groups=groups)

    def post(self, path: str, body: Any, *, user: str = "", groups: Iterable[str] = ()) -> Answer:
        """Create something, or ask a question that is an object (a ``SubjectAccessReview``)."""
        return self.ask("POST", path, body, user=user, groups=groups)

    def put(self, path: str, body: Any, *, user: str = "", groups: Iterable[str] = ()) -> Answer:
        """Replace something."""
        return self.ask("PUT", path, body, user=user, groups=groups)

    def delete(self, path: str, *, user: str = "", groups: Iterable[str] = ()) -> Answer:
        """Delete at once."""
        options = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        return self.ask("DELETE", path, options, user=user, groups=groups)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = "",
        groups: Iterable[str] = (),
        accept: str = "application/json",
    ) -> Answer:
        """Any request: as the administrator, or as a user, known or not, with the groups. Bytes are sent as YAML."""
        headers = urllib3.HTTPHeaderDict({"Authorization": f"Bearer {self.tokens[ADMINISTRATOR]}", "Accept": accept})
        if body is not None:
            headers["Content-Type"] = "application/yaml" if isinstance(body, bytes) else "application/json"
        if user:
            headers["Impersonate-User"] = user
        for group in groups:
            headers.add("Impersonate-Group", group)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        answer = self._pool.request(method, self.url + path, body=data, headers=headers)
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        said = json.loads(answer.data) if is_json else answer.data.decode()
        return Answer(answer.status, said, tuple(_warning(text) for text in answer.headers.getlist("Warning")))

    def dry_run(self, obj: Mapping[str, Any], namespace: str = "default", *, user: str = "") -> Answer:
        """Whether the server would take an object, unknown and repeated fields refused, and what it would store.

        Args:
            namespace: Where an object belongs that does not say. It must exist.

        Raises:
            KeyError: The server does not serve such a kind (see :attr:`served`).
        """
        return self.create(obj, namespace, user=user, query=DRY_RUN)

    def create(self, obj: Mapping[str, Any], namespace: str = "default", *, user: str = "", query: str = "") -> Answer:
        """Create an object, or replace the one that has its name.

        Raises:
            KeyError: The server does not serve such a kind (see :attr:`served`).
        """
        parameters = f"?{query}" if query else ""
        made = self.post(self.path_of(obj, namespace, named=False) + parameters, obj, user=user)
        if made.status == 409 and made.body.get("reason") == "AlreadyExists":
            # What names the object that was there when the manifest was written would be a condition.
            metadata = {key: part for key, part in obj["metadata"].items() if key not in ("uid", "resourceVersion")}
            return self.put(self.path_of(obj, namespace) + parameters, {**obj, "metadata": metadata}, user=user)
        return made

    def path_of(self, obj: Mapping[str, Any], namespace: str = "default", *, named: bool = True) -> str:
        """Where an object is found, or is created (``named=False``).

        Raises:
            KeyError: The server does not serve such a kind.
        """
        version = obj["apiVersion"]
        plural, in_namespace = self.served[version, obj["kind"]]
        path = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if in_namespace:
            path += f"/namespaces/{obj['metadata'].get('namespace') or namespace}"
        return f"{path}/{plural}/{obj['metadata']['name']}" if named else f"{path}/{plural}"

    def namespace(self, labels: Mapping[str, str] | None = None, prefix: str = "test") -> str:
        """A new namespace; its name."""
        name = self.unique(prefix)
        made = self.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": dict(labels or {})}})
        assert made.ok, made.message
        self.default_account(name)
        return name

    def default_account(self, namespace: str) -> None:
        """Make the ServiceAccount of Pods that name none, as a controller would."""
        made = self.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "default"}})
        assert made.ok, made.message

    def unique(self, prefix: str) -> str:
        """A name that nobody else has."""
        return f"{prefix}-{os.getpid()}-{next(self._numbers)}"

    @cached_property
    def served(self) -> dict[tuple[str, str], tuple[str, bool]]:
        """By ``apiVersion`` and kind, what is served: the plural, and whether it lives in a namespace."""
        return self._served()

    def _served(self) -> dict[tuple[str, str], tuple[str, bool]]:
        found: dict[tuple[str, str], tuple[str, bool]] = {}
        for root in ("/api", "/apis"):
            for group in self.ask("GET", root, accept=_DISCOVERY).body["items"]:
                for version in group["versions"]:
                    name = "/".join(filter(None, (group["metadata"].get("name"), version["version"])))
                    for resource in version.get("resources", []):
                        kind = resource["responseKind"]["kind"]
                        found[name, kind] = (resource["resource"], resource["scope"] == "Namespaced")
        return found

    def define(self, folder: Path) -> None:
        """Serve the custom resources whose definitions are the YAML files of a folder."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        with ThreadPoolExecutor(4) as threads:
            files = sorted(folder.glob("*.yaml"))
            answers = list(threads.map(lambda file: self.ask("POST", path, file.read_bytes()), files))
        wanted = set()
        for answer in answers:
            assert answer.ok, answer.message
            spec = answer.body["spec"]
            wanted |= {(f"{spec['group']}/{version['name']}", spec["names"]["kind"]) for version in spec["versions"]}
        _wait(lambda: wanted <= self._served().keys(), f"the definitions of {folder} to be served")


def _warning(header: str) -> str:
    """The text of a header like ``299 - "unknown field \\"a\\""`` (RFC 7234, section 5.5)."""
    text = header.partition('"')[2].removesuffix('"')
    return text.replace('\\"', '"').replace("\\\\", "\\")


def _wait(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while not done():
        assert time.monotonic() < end, f"waited {SECONDS_TO_START} s for {what}"
        time.sleep(0.1)


@contextmanager
def locked(file: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a file's lock, so that one process of pytest-xdist does what all of them need."""
    with file.open("a") as held:
        fcntl.flock(held, how)
        yield


@contextmanager
def running(programs: Programs, definitions: Path, folder: Path) -> Iterator[Server]:
    """The server of a folder, started if nobody else has.

    Args:
        definitions: A folder of custom resource definitions; it need not exist.
        folder: One for the whole test run.
    """
    guard = None
    try:
        with contextlib.ExitStack() as stack:
            with locked(folder / "starting.lock"):
                # Waits while a server is being ended. Whoever holds it keeps the server alive.
                stack.enter_context(locked(folder / _USERS, fcntl.LOCK_SH))
                if not (folder / _STATE).exists():
                    guard = _guarded(programs, folder)
                    _await_ready(guard, folder, definitions)
            server = Server(json.loads((folder / _STATE).read_text()))
            stack.callback(server.close)
            yield server
    finally:
        if guard is not None:
            guard.wait()  # for the others too


def _guarded(programs: Programs, folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that runs both programs and ends them, and leave in the folder how to reach the server."""
    tokens = {user: secrets.token_hex(16) for user in (ADMINISTRATOR, *USERS)}
    lines = [f"{token},{user},{user}" for user, token in tokens.items()]
    lines[0] += ",system:masters"
    (folder / "tokens.csv").write_text("\n".join(lines))
    port, etcd_port, peer_port = _free_ports(3)
    state = {"url": f"https://127.0.0.1:{port}", "ca": str(folder / "certificates" / "apiserver.crt"), "tokens": tokens}
    (folder / _STARTING).write_text(json.dumps(state))
    commands = [*_etcd(programs.etcd, etcd_port, peer_port), "--", *_apiserver(programs.apiserver, port, etcd_port)]
    return subprocess.Popen(
        [sys.executable, _HERE, folder, *commands],
        cwd=folder,
        start_new_session=True,  # an interrupt of the tests ends the server by their end, not by itself
        env={key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")},
    )


def _await_ready(guard: subprocess.Popen[bytes], folder: Path, definitions: Path) -> None:
    state = json.loads((folder / _STARTING).read_text())

    def ready() -> bool:
        assert guard.poll() is None, f"the API server did not start:\n{(folder / _LOG).read_text()[-3000:]}"
        if not Path(state["ca"]).exists():
            return False
        with contextlib.suppress(urllib3.exceptions.HTTPError), contextlib.closing(Server(state)) as server:
            return server.get("/readyz").status == 200
        return False

    _wait(ready, "the API server to be ready")
    with contextlib.closing(Server(state)) as server:
        server.default_account("default")
        if definitions.is_dir():
            server.define(definitions)
    (folder / _STARTING).replace(folder / _STATE)


def _etcd(program: Path, port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        str(program),
        *("--data-dir=etcd", f"--listen-client-urls={client}", f"--advertise-client-urls={client}"),
        *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"),
    ]


def _apiserver(program: Path, port: int, etcd_port: int) -> list[str]:
    return [
        str(program),
        *(f"--etcd-servers=http://127.0.0.1:{etcd_port}", "--cert-dir=certificates"),
        *(f"--secure-port={port}", "--bind-address=127.0.0.1"),
        # The key that the server makes for itself signs the tokens of service accounts too: nobody asks for one.
        *(f"--service-account-{use}-file=certificates/apiserver.key" for use in ("key", "signing-key")),
        "--service-account-issuer=https://kubernetes.default.svc",
        *("--token-auth-file=tokens.csv", "--authorization-mode=RBAC"),
        "--service-cluster-ip-range=10.0.0.0/16",  # a smaller one runs full
        "--allow-privileged=true",  # else validation refuses what Pod Security is asked about
    ]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]


def _guard(folder: Path, commands: list[list[str]]) -> None:
    """Run the programs until nobody holds the lock of the users, or one of the programs ends."""
    with (folder / _LOG).open("ab") as log, (folder / _USERS).open("a") as users:
        programs = [subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) for command in commands]
        try:
            while all(program.poll() is None for program in programs):
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                time.sleep(0.2)
        finally:
            (folder / _STATE).unlink(missing_ok=True)
            for program in reversed(programs):
                program.kill()
                program.wait()
            shutil.rmtree(folder / "etcd", ignore_errors=True)


if __name__ == "__main__":
    split = sys.argv.index("--")
    _guard(Path(sys.argv[1]), [sys.argv[2:split], sys.argv[split + 1 :]])
