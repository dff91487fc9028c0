// The ClusterRoles that the API server and its controllers are given at the start, as their module has them.
package main

import (
	"encoding/json"
	"os"

	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

func main() {
	roles := append(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()...)
	if err := json.NewEncoder(os.Stdout).Encode(roles); err != nil {
		panic(err)
	}
}
