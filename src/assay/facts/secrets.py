"""Who can read which Secret: workloads that mount or read it, and subjects that roles let read it. Names only.

Sources: "Secrets" and "Good practices for Kubernetes Secrets" in the documentation of Kubernetes, and the documentation
of the identity that each cloud gives to ServiceAccounts.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from assay.facts.index import annotations_of, labels_of, maps, part, text
from assay.facts.interface import Fact, Table
from assay.facts.references import SECRET
from assay.workloads import TEMPLATES, pod_view

if TYPE_CHECKING:
    from assay.facts.permissions import Permissions
    from assay.facts.references import References
    from assay.model.objects import KubeObject

_ACCOUNT = "core/ServiceAccount"
_PROVIDER = "secrets-store.csi.x-k8s.io/SecretProviderClass"
# What these make comes from a store outside.
_STORES = ("external-secrets.io/ExternalSecret", _PROVIDER)
# By these a ServiceAccount becomes an identity of the cloud: AWS ("IAM roles for service accounts"), Google Cloud
# ("Workload Identity Federation for GKE"), Azure ("Workload identity").
_IDENTITIES = (
    "eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account", "azure.workload.identity/client-id",
)  # fmt: skip
# What a step of a route says of the way in which Pods come to a Secret.
_WAYS = (("envFrom[", "envFrom"), ("env[", "env"), ("imagePullSecrets[", "pull"), ("projected.", "projected"))


class Secrets(Fact):
    """``facts.secrets`` (docs/facts/secrets.md).

    Of a workload: {reads, stores, pullSecrets, cloudIdentity, unknown}. Of a Secret: {workloads, others, subjects,
    makers, unknown}. Of what takes Secrets from a store outside: {makers}, which is itself.
    """

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """What a workload reads, or who can read a Secret."""
        if obj.group_kind == SECRET:
            return self._of_secret(obj)
        if obj.group_kind in TEMPLATES:
            return self._of_workload(obj)
        if obj.group_kind in _STORES:
            return {"makers": [f"{obj.kind} {obj.identity.name}"]}
        return f"a {obj.kind} neither is a Secret nor runs"

    def table(self) -> Table:
        """One row for each Secret that is there or that something reads."""
        known = {(obj.identity.namespace, obj.identity.name) for obj in self.index.of_kind(SECRET)}
        rows = []
        for namespace, name in sorted({*known, *self._readers}, key=str):
            there = True if (namespace, name) in known else self._references.target(SECRET, namespace, name)["exists"]
            readers = self._readers.get((namespace, name), {})
            subjects, doubt = self._subjects(namespace, name)
            makers = self._references.makers(namespace, name)
            rows.append((namespace, name, there, list(readers), subjects, makers, doubt))
        columns = ("namespace", "secret", "exists", "used by", "subjects that may read it", "made by", "unknown")
        return Table(columns, tuple(rows))

    def _of_secret(self, obj: KubeObject) -> dict[str, Any]:
        namespace, name = obj.identity.namespace, obj.identity.name
        readers = self._readers.get((namespace, name), {})
        subjects, doubt = self._subjects(namespace, name)
        return {
            "workloads": [reader for reader, runs in readers.items() if runs],
            "others": [reader for reader, runs in readers.items() if not runs],
            "subjects": subjects,
            "makers": self._references.makers(namespace, name),
            "unknown": doubt,
        }

    def _of_workload(self, obj: KubeObject) -> dict[str, Any]:
        account, doubt = self._account(obj)
        metadata = part(account.body, "metadata") if account else {}
        marks = {**labels_of(metadata), **annotations_of(metadata)}
        reads, stores = [], []
        for entry in self._to(obj):
            if entry["kind"] == SECRET:
                reads.append(self._read(entry))
            elif entry["kind"] == _PROVIDER:
                stores.append(entry["name"])
        pulls = any(entry["how"] == "pull" for entry in reads) or bool(
            maps(account.body, "imagePullSecrets") if account else ()
        )
        identity = any(marks.get(mark) for mark in _IDENTITIES)
        return {
            "reads": reads,
            "stores": stores,
            "pullSecrets": pulls or (None if doubt else False),
            "cloudIdentity": identity or (None if doubt else False),
            "unknown": doubt,
        }

    def _read(self, entry: dict[str, Any]) -> dict[str, Any]:
        """One way to a Secret: {name, how, key, entries: the names of all that it holds, or None}."""
        found = self.index.find(SECRET, entry["namespace"], entry["name"])
        names: list[str] = []
        for body in (obj.body for obj in found[:1]):
            names = list(dict.fromkeys(name for field in ("data", "stringData") for name in part(body, field)))
        how = next((way for step, way in _WAYS if step in entry["route"]), "volume")
        known = len(found) == 1 and bool(names)
        return {"name": entry["name"], "how": how, "key": entry["key"], "entries": names if known else None}

    def _account(self, obj: KubeObject) -> tuple[KubeObject | None, str]:
        """The ServiceAccount of a workload, or why nothing is known of it."""
        view = pod_view(obj)
        spec = view.spec if view else {}
        # `serviceAccount` is the old name of the field, and without either it is `default` (Pod API reference).
        name = text(spec, "serviceAccountName") or text(spec, "serviceAccount") or "default"
        found = self.index.find(_ACCOUNT, obj.identity.namespace, name)
        if len(found) == 1:
            return found[0], ""
        if found:
            return None, f"ServiceAccount {name} is defined twice"
        seen = self.facts.seen(_ACCOUNT, obj.identity.namespace)
        return None, "" if seen else f"ServiceAccount {name} was not seen"

    def _subjects(self, namespace: str | None, name: str) -> tuple[list[str], str]:
        """Whom roles let read a Secret by its name, and why there may be more."""
        # What no rule names is read by those who read every Secret of the namespace.
        place = (namespace, name if name in self._named else "")
        known = self._reading.get(place)
        if known is None:
            # A list and a watch hold the values as well.
            grants = (
                grant
                for verb in ("get", "list", "watch")
                for grant in self._permissions.subjects_that_may(verb, "", "secrets", *place)
            )
            called = dict.fromkeys(f"{g.subject_kind} {'/'.join(filter(None, g[1:3]))}" for g in grants)
            missing = [kind for kind in self._permissions.turns_pass if not self.facts.seen(kind, namespace)]
            unseen = f"a {missing[0].rpartition('/')[2]} that was not seen could let more read it" if missing else ""
            known = self._reading[place] = (list(called), self._permissions.doubt_in(namespace) or unseen)
        return known

    @cached_property
    def _reading(self) -> dict[tuple[str | None, str], tuple[list[str], str]]:
        return {}

    @cached_property
    def _permissions(self) -> Permissions:
        found: Any = self.facts.fact("permissions")
        return found  # type: ignore[no-any-return]

    @cached_property
    def _named(self) -> set[str]:
        """The names to which rules of bound roles are restricted, of Secrets and of other things."""
        roles = {b.role for b in self._permissions.rbac.bindings if not isinstance(b.role, str)}
        return {name for role in roles for rule in role.rules for name in rule.names}

    @cached_property
    def _references(self) -> References:
        found: Any = self.facts.fact("references")
        return found  # type: ignore[no-any-return]

    def _to(self, obj: KubeObject) -> list[dict[str, Any]]:
        found = self._references.of(obj)
        return found["to"] if isinstance(found, dict) else []

    @cached_property
    def _readers(self) -> dict[tuple[str | None, str], dict[str, bool]]:
        """(namespace, name) of a Secret -> what refers to it, and whether that is a workload."""
        found: dict[tuple[str | None, str], dict[str, bool]] = {}
        for obj in self.index.world.objects:
            for entry in self._to(obj):
                if entry["kind"] == SECRET:
                    place = (entry["namespace"] or None, entry["name"])
                    found.setdefault(place, {})[str(obj.identity)] = obj.group_kind in TEMPLATES
        return found
