// Judges Pods by the Pod Security Standards with the checks of the API server itself: k8s.io/pod-security-admission.
//
// It reads one JSON object a line, {"version": "v1.24", "pod": {"metadata": {...}, "spec": {...}}}, and writes one a
// line: "checks" holds for each check that exists in that version whether it allows the Pod and why not, each judged on
// its own so that no stricter one hides it; "levels" holds whether the levels baseline and restricted allow it.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

type question struct {
	Version string     `json:"version"`
	Pod     corev1.Pod `json:"pod"`
}

type verdict struct {
	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail"`
}

type answer struct {
	Checks map[policy.CheckID]verdict `json:"checks"`
	Levels map[api.Level]bool         `json:"levels"`
}

// complete gives volumes without a source the one that the API server gives them before it judges anything.
func complete(spec *corev1.PodSpec) {
	for i := range spec.Volumes {
		if spec.Volumes[i].VolumeSource == (corev1.VolumeSource{}) {
			spec.Volumes[i].EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
}

func judge(checks []policy.Check, evaluator policy.Evaluator, asked question) answer {
	version, err := api.ParseVersion(asked.Version)
	if err != nil {
		log.Fatal(err)
	}
	metadata, spec := &asked.Pod.ObjectMeta, &asked.Pod.Spec
	complete(spec)
	found := answer{map[policy.CheckID]verdict{}, map[api.Level]bool{}}
	for _, check := range checks {
		var newest policy.CheckPodFn
		for _, versioned := range check.Versions {
			if !version.Older(versioned.MinimumVersion) {
				newest = versioned.CheckPod
			}
		}
		if newest != nil {
			result := newest(metadata, spec)
			found.Checks[check.ID] = verdict{result.Allowed, result.ForbiddenReason, result.ForbiddenDetail}
		}
	}
	for _, level := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
		results := evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: version}, metadata, spec)
		found.Levels[level] = policy.AggregateCheckResults(results).Allowed
	}
	return found
}

func main() {
	checks := policy.DefaultChecks()
	evaluator, err := policy.NewEvaluator(checks, nil)
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(judge(checks, evaluator, asked)); err != nil {
			log.Fatal(err)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}
