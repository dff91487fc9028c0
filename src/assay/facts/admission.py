"""What admission enforces in a namespace: Pod Security, policies of the API server, Kyverno, Gatekeeper, webhooks.

Sources: "Pod Security Admission" and "Validating Admission Policy" in the documentation of Kubernetes, the API
reference of the webhook configurations, the definitions of Kyverno's policies, and "Handling Constraint Violations" and
"How to use Gatekeeper" of Gatekeeper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assay.facts.index import items, labels_of, maps, part, selects, text
from assay.facts.interface import Fact, Table

if TYPE_CHECKING:
    from assay.facts.references import References
    from assay.facts.selection import Selection
    from assay.model.objects import KubeObject

_GROUP = "admissionregistration.k8s.io"
_POLICY = f"{_GROUP}/ValidatingAdmissionPolicy"
_BINDING = f"{_GROUP}/ValidatingAdmissionPolicyBinding"
_VALIDATING = f"{_GROUP}/ValidatingWebhookConfiguration"
_WEBHOOKS = (_VALIDATING, f"{_GROUP}/MutatingWebhookConfiguration")
_CLUSTER_POLICY = "kyverno.io/ClusterPolicy"
_NAMESPACED_POLICY = "kyverno.io/Policy"
_VALIDATING_POLICY = "policies.kyverno.io/ValidatingPolicy"
_CONSTRAINTS = "constraints.gatekeeper.sh"
_SLICE = "discovery.k8s.io/EndpointSlice"
# Every kind that may enforce something; constraints have kinds of their own, so their templates stand for them.
_KINDS = (
    _POLICY, _BINDING, _VALIDATING, _CLUSTER_POLICY, _NAMESPACED_POLICY, _VALIDATING_POLICY,
    "templates.gatekeeper.sh/ConstraintTemplate",
)  # fmt: skip
LEVELS = ("privileged", "baseline", "restricted")
_POD_SECURITY = "pod-security.kubernetes.io"


class Admission(Fact):
    """``facts.admission`` (docs/facts/admission.md).

    Of a namespace, and of what is in it: {podSecurity, policies, unseen}. Of a webhook configuration: {webhooks}.
    """

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """What admission does in the namespace of an object, or what a webhook configuration calls."""
        if obj.group_kind in _WEBHOOKS:
            return {"webhooks": [self._webhook(obj, webhook) for webhook in maps(obj.body, "webhooks")]}
        name = obj.home
        return f"a {obj.kind} is in no namespace" if name is None else self._of(name)

    def table(self) -> Table:
        """One row for each namespace."""
        rows = []
        for name in self.index.namespaces:
            found = self._of(name)
            levels = [found["podSecurity"][mode] for mode in ("enforce", "warn", "audit")]
            enforcing = [p["name"] for p in found["policies"] if p["denies"] is True and p["applies"] is True]
            others = [p["name"] for p in found["policies"] if not (p["denies"] is True and p["applies"] is True)]
            rows.append((name, *levels, enforcing, others))
        columns = ("namespace", "pod security", "warn", "audit", "policies that deny", "others, and those in doubt")
        return Table(columns, tuple(rows))

    def _of(self, namespace: str) -> dict[str, Any]:
        known = self._known.get(namespace)
        if known is None:
            labels = self.index.namespaces.get(namespace)
            known = self._known[namespace] = {
                "podSecurity": pod_security(labels),
                "policies": self._where(tuple(_covers(places, namespace, labels) for places in self._places.values())),
                "unseen": next(
                    (
                        f"a {kind.rpartition('/')[2]} that was not seen could change this"
                        for kind in _KINDS
                        if not self.facts.seen(kind, None)
                    ),
                    "",
                ),
            }
        return known

    @cached_property
    def _known(self) -> dict[str, dict[str, Any]]:
        return {}

    def _where(self, covered: tuple[bool | None, ...]) -> list[dict[str, Any]]:
        """The policies as a namespace sees them, for which each group of conditions holds, does not or is unknown.

        Most namespaces are covered alike, so the list is made once for all of them.
        """
        known = self._alike.get(covered)
        if known is None:
            applies = dict(zip(self._places, covered, strict=True))
            known = self._alike[covered] = [
                {key: value for key, value in policy.items() if key != "places"}
                | {"applies": applies[repr(policy["places"])]}
                for policy in self._policies
            ]
        return known

    @cached_property
    def _alike(self) -> dict[tuple[bool | None, ...], list[dict[str, Any]]]:
        return {}

    @cached_property
    def _places(self) -> dict[str, list[dict[str, Any] | None]]:
        """The different conditions on namespaces that there are, by how they are written."""
        return {repr(policy["places"]): policy["places"] for policy in self._policies}

    @cached_property
    def _policies(self) -> list[dict[str, Any]]:
        """Everything that may deny: {engine, name, denies, failsClosed, resources, places}."""
        return [*self._admission_policies(), *self._kyverno(), *self._gatekeeper(), *self._validating_webhooks()]

    def _admission_policies(self) -> Iterator[dict[str, Any]]:
        """One entry for each binding, as a policy without one decides nothing."""
        for binding in self.index.of_kind(_BINDING):
            name = text(binding.body, "spec", "policyName")
            found = self.index.find(_POLICY, None, name)
            known = len(found) == 1
            spec = part(found[0].body, "spec") if known else {}
            actions = items(binding.body, "spec", "validationActions")
            denies = "Deny" in actions
            places = [{"selector": part(constraint, "namespaceSelector")} for constraint in (
                part(spec, "matchConstraints"), part(binding.body, "spec", "matchResources"))]  # fmt: skip
            yield {
                "engine": "ValidatingAdmissionPolicy",
                "name": f"{name}/{binding.identity.name}",
                # What a binding does not say is not done; whether an unseen policy matches anything is not known.
                "denies": denies if known or not denies else None,
                "failsClosed": (text(spec, "failurePolicy") or "Fail") == "Fail" if known else None,
                "resources": _resources(maps(spec, "matchConstraints", "resourceRules")),
                "places": places if known else [None],
            }

    def _kyverno(self) -> Iterator[dict[str, Any]]:
        for policy in self.index.of_kind(_CLUSTER_POLICY, _NAMESPACED_POLICY):
            spec = part(policy.body, "spec")
            closed = text(spec, "webhookConfiguration", "failurePolicy") or text(spec, "failurePolicy") or "Fail"
            for rule in maps(spec, "rules"):
                if not any(field in rule for field in ("validate", "verifyImages")):
                    continue
                kinds, places = _kyverno_match(rule)
                if policy.group_kind == _NAMESPACED_POLICY:
                    places = [*places, {"names": [policy.identity.namespace]}]
                yield {
                    "engine": "Kyverno",
                    "name": f"{policy.identity.name}/{text(rule, 'name')}",
                    "denies": spec.get("admission") is not False and _kyverno_denies(spec, rule),
                    "failsClosed": closed == "Fail",
                    "resources": kinds,
                    "places": places,
                }
        for policy in self.index.of_kind(_VALIDATING_POLICY):
            spec = part(policy.body, "spec")
            actions = items(spec, "validationActions")
            off = part(spec, "evaluation", "admission").get("enabled") is False
            yield {
                "engine": "Kyverno",
                "name": policy.identity.name,
                "denies": False if off else "Deny" in actions if actions else None,
                "failsClosed": (text(spec, "failurePolicy") or "Fail") == "Fail",
                "resources": _resources(maps(spec, "matchConstraints", "resourceRules")),
                "places": [{"selector": part(spec, "matchConstraints", "namespaceSelector")}],
            }

    def _gatekeeper(self) -> Iterator[dict[str, Any]]:
        for obj in self.index.world.objects:
            if obj.identity.group != _CONSTRAINTS:
                continue
            spec = part(obj.body, "spec")
            match = part(spec, "match")
            action = text(spec, "enforcementAction") or "deny"
            names = [name for name in items(match, "namespaces") if isinstance(name, str)]
            yield {
                "engine": "Gatekeeper",
                "name": f"{obj.kind}/{obj.identity.name}",
                # Scoped actions deny at the webhook or only report, as their points say.
                "denies": None if action == "scoped" else action == "deny",
                "failsClosed": None,
                "resources": sorted({str(kind) for entry in maps(match, "kinds") for kind in items(entry, "kinds")}),
                "places": [
                    {"selector": part(match, "namespaceSelector")},
                    {"not": [name for name in items(match, "excludedNamespaces") if isinstance(name, str)]},
                    *([{"names": names}] if names else []),
                ],
            }

    def _validating_webhooks(self) -> Iterator[dict[str, Any]]:
        for configuration in self.index.of_kind(_VALIDATING):
            for webhook in maps(configuration.body, "webhooks"):
                yield {
                    "engine": "webhook",
                    "name": text(webhook, "name"),
                    # What a program refuses, no manifest says.
                    "denies": None,
                    "failsClosed": _fails_closed(configuration, webhook),
                    "resources": _resources(maps(webhook, "rules")),
                    "places": [{"selector": part(webhook, "namespaceSelector")}],
                }

    def _webhook(self, configuration: KubeObject, webhook: Mapping[str, Any]) -> dict[str, Any]:
        service = part(webhook, "clientConfig", "service")
        namespace, name = text(service, "namespace"), text(service, "name")
        port = service.get("port", 443)
        found: Any = self.facts.fact("references")
        references: References = found
        exists = {"exists": None, "missing": "", "unknown": "it calls an address outside"}
        served: bool | None = None
        if service:
            exists = references.target("core/Service", namespace or None, name, str(port))
            served = self._served(namespace, name) if exists["exists"] else None
        return {
            "name": text(webhook, "name"),
            "service": f"{namespace}/{name}" if service else "",
            "failsClosed": _fails_closed(configuration, webhook),
            **exists,
            "served": served,
        }

    def _served(self, namespace: str, name: str) -> bool | None:
        """Whether a Service has ready endpoints; in files, whether it selects a workload that has Pods.

        Endpoints count as ready where they do not say otherwise (EndpointSlice API reference).
        """
        slices = self._slices.get((namespace, name))
        if slices:
            points = [point for listed in slices for point in maps(listed.body, "endpoints")]
            return any(part(point, "conditions").get("ready", True) is not False for point in points)
        found: Any = self.facts.fact("selection")
        selection: Selection = found
        behind = selection.selected_by(self.index.find("core/Service", namespace, name)[0])
        counts = [part(workload.object.body, "spec").get("replicas") for workload in behind]
        return (any(count != 0 for count in counts)) if counts else None

    @cached_property
    def _slices(self) -> dict[tuple[str | None, str], list[KubeObject]]:
        found: dict[tuple[str | None, str], list[KubeObject]] = {}
        for obj in self.index.of_kind(_SLICE):
            name = labels_of(part(obj.body, "metadata")).get("kubernetes.io/service-name", "")
            found.setdefault((obj.identity.namespace, name), []).append(obj)
        return found


def pod_security(labels: Mapping[str, str] | None) -> dict[str, Any]:
    """The Pod Security levels that labels of a Namespace give, and their versions.

    A mode is empty where the default of the API server counts, which is in a file of its own (AdmissionConfiguration)
    and privileged if there is none. A level that is none enforces restricted, and warns and audits nothing; without a
    level for warnings, those are as strict as what is enforced (``PolicyToEvaluate``).
    """
    if labels is None:
        return {
            **{f"{mode}{end}": "" for mode in ("enforce", "audit", "warn") for end in ("", "Version")},
            "unknown": "the Namespace was not seen, or is there twice",
        }
    found: dict[str, Any] = {}
    for mode in ("enforce", "audit", "warn"):
        level = labels.get(f"{_POD_SECURITY}/{mode}")
        wrong = "restricted" if mode == "enforce" else "privileged"
        found[mode] = "" if level is None else level if level in LEVELS else wrong
        found[f"{mode}Version"] = labels.get(f"{_POD_SECURITY}/{mode}-version", "latest" if level is not None else "")
    if not found["warn"] and labels.get(f"{_POD_SECURITY}/enforce") in LEVELS[1:]:
        found["warn"] = found["enforce"]
        found["warnVersion"] = found["warnVersion"] or found["enforceVersion"]
    unset = "the default of the API server counts, which no object shows"
    return found | {"unknown": "" if found["enforce"] else unset}


def _fails_closed(configuration: KubeObject, webhook: Mapping[str, Any]) -> bool:
    """Whether what a webhook cannot check is refused: Fail is the default of v1, Ignore that of v1beta1."""
    otherwise = "Ignore" if configuration.api_version.endswith("/v1beta1") else "Fail"
    return (text(webhook, "failurePolicy") or otherwise) == "Fail"


def _resources(rules: list[dict[str, Any]]) -> list[str]:
    return sorted({name for rule in rules for name in items(rule, "resources") if isinstance(name, str)})


def _kyverno_match(rule: Mapping[str, Any]) -> tuple[list[str], list[dict[str, Any] | None]]:
    """The kinds that a rule is about, and the conditions on namespaces; None stands for one that is not read.

    ``any`` of several, ``exclude`` and preconditions may leave out anything.
    """
    match = part(rule, "match")
    filters = [part(entry, "resources") for field in ("any", "all") for entry in maps(match, field)]
    filters = filters or [part(match, "resources")]
    kinds = sorted({kind for entry in filters for kind in items(entry, "kinds") if isinstance(kind, str)})
    places: list[dict[str, Any] | None] = []
    if rule.get("exclude") or rule.get("preconditions") or rule.get("celPreconditions"):
        places.append(None)
    narrowed = [entry for entry in filters if entry.get("namespaces") or entry.get("namespaceSelector")]
    if len(maps(match, "any")) > 1 and narrowed:
        return kinds, [None]
    for entry in narrowed:
        names = [name for name in items(entry, "namespaces") if isinstance(name, str)]
        places += [{"names": names}] if names else []
        places.append({"selector": part(entry, "namespaceSelector")})
    return kinds, places


def _kyverno_denies(spec: Mapping[str, Any], rule: Mapping[str, Any]) -> bool | None:
    """Whether a rule denies: its own action, else that of the policy, else Audit; overrides may change either."""
    overridden = spec.get("validationFailureActionOverrides") or part(rule, "validate").get("failureActionOverrides")
    if overridden:
        return None
    actions = [text(rule, "validate", "failureAction"), *(text(e, "failureAction") for e in maps(rule, "verifyImages"))]
    stated = next((action for action in actions if action), "") or text(spec, "validationFailureAction") or "Audit"
    return stated.lower() == "enforce"


def _covers(places: list[dict[str, Any] | None], name: str, labels: Mapping[str, str] | None) -> bool | None:
    """Whether all conditions hold for a namespace; None if one cannot be decided and none excludes it."""
    held = [_holds(place, name, labels) for place in places]
    return False if False in held else None if None in held else True


def _holds(place: dict[str, Any] | None, name: str, labels: Mapping[str, str] | None) -> bool | None:
    if place is None:
        return None
    if "names" in place:
        return any(fnmatchcase(name, str(pattern)) for pattern in place["names"])
    if "not" in place:
        return not any(fnmatchcase(name, pattern) for pattern in place["not"])
    if not place["selector"]:
        return True
    return None if labels is None else selects(place["selector"], labels)
