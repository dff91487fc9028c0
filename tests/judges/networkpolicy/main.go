// Judges whether NetworkPolicies let traffic pass with the matcher of Cyclonus, which tests network plugins.
//
// It reads one JSON object a line, {"policies": [NetworkPolicy, ...], "traffic": [{"source": peer, "target": peer,
// "port": 80, "name": "http", "protocol": "TCP"}, ...]}, where a peer is {"ip": "10.0.0.1", "pod": {"namespace": "x",
// "labels": {...}, "namespaceLabels": {...}}} without "pod" for what is no Pod of the cluster network, and writes one
// list a line that holds for each traffic whether the policies let it pass. Policies must name their policyTypes.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

type pod struct {
	Namespace       string            `json:"namespace"`
	Labels          map[string]string `json:"labels"`
	NamespaceLabels map[string]string `json:"namespaceLabels"`
}

type peer struct {
	IP  string `json:"ip"`
	Pod *pod   `json:"pod"`
}

type traffic struct {
	Source   peer            `json:"source"`
	Target   peer            `json:"target"`
	Port     int             `json:"port"`
	Name     string          `json:"name"`
	Protocol corev1.Protocol `json:"protocol"`
}

type question struct {
	Policies []*networkingv1.NetworkPolicy `json:"policies"`
	Traffic  []traffic                     `json:"traffic"`
}

func (p peer) known() *matcher.TrafficPeer {
	if p.Pod == nil {
		return &matcher.TrafficPeer{IP: p.IP}
	}
	return &matcher.TrafficPeer{IP: p.IP, Internal: &matcher.InternalPeer{
		Namespace:       p.Pod.Namespace,
		PodLabels:       p.Pod.Labels,
		NamespaceLabels: p.Pod.NamespaceLabels,
	}}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		policy := matcher.BuildNetworkPolicies(false, asked.Policies)
		found := []bool{}
		for _, t := range asked.Traffic {
			found = append(found, policy.IsTrafficAllowed(&matcher.Traffic{
				Source:           t.Source.known(),
				Destination:      t.Target.known(),
				ResolvedPort:     t.Port,
				ResolvedPortName: t.Name,
				Protocol:         t.Protocol,
			}).IsAllowed())
		}
		if err := out.Encode(found); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}
