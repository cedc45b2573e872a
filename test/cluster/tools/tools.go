// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package tools names the programs that the test bed is made of, so that go.mod
// and go.sum pin every version that goes into them. Nothing here is ever built
// as a package: binaries.sh builds the programs by their paths.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubectl"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
