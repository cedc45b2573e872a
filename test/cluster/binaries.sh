#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds Kubernetes and etcd from their Go modules into the cache folder. The
# default version is pinned by tools/go.mod and go.sum; for others the module is
# generated there. A second call does nothing; two at once wait for each other.
set -euo pipefail

usage() {
	cat <<'EOF'
usage: binaries.sh [VERSION]      e.g. 1.34.4 (the default); 1.30.14, 1.37.2 ... without kubelet and kube-proxy
       binaries.sh kwok           plays nodes and Pods at scale (sigs.k8s.io/kwok)
  builds into CACHE/k8s-VERSION/bin or CACHE/kwok-VERSION/bin, with CACHE =
  ${CLONESET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cloneset}
EOF
}

here=$(cd "$(dirname "$0")" && pwd)
cache=${CLONESET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cloneset}
pinned=$(awk '$1 == "k8s.io/kubernetes" {print substr($2, 2)}' "$here/tools/go.mod")
readonly KWOK=v0.8.0
readonly CONTROL_PROGRAMS="kube-apiserver kube-controller-manager kube-scheduler kubectl"
readonly NODE_PROGRAMS="kubelet kube-proxy" # of the pinned version only: others are tested without a node

# What the caller's environment may say about Go must not change what is built.
export GOFLAGS=-buildvcs=false GOWORK=off CGO_ENABLED=0

need_go() {
	command -v go >/dev/null && return
	echo "binaries.sh: the local cluster is built with Go, and there is no 'go' in PATH. Install Go 1.24 or later." >&2
	exit 1
}

# with_progress LABEL COMMAND...: says how it goes every 10 s; shows the end of the output when it fails
with_progress() {
	local label=$1 begin=$SECONDS pid i
	shift
	"$@" </dev/null >"$log" 2>&1 9>&- &
	pid=$!
	for ((i = 1; ; i++)); do
		kill -0 $pid 2>/dev/null || break
		if [ $((i % 50)) = 0 ]; then
			echo "  $label: $((SECONDS - begin)) s, $(wc -l <"$log") steps, at $(tail -n 1 "$log" | cut -c -90)"
		fi
		sleep 0.2
	done
	if ! wait $pid; then
		tail -n 30 "$log" >&2
		echo "binaries.sh: failed: $label (log: $log)" >&2
		return 1
	fi
	echo "  $label: done after $((SECONDS - begin)) s"
}

# A module that requires Kubernetes, replaces its staging modules (0.0.0 in its own go.mod) by the released ones,
# and takes the etcd that this Kubernetes is tested with. Where the checksum database does not know
# k8s.io/kube-proxy (1.30.14) an empty module takes its place: the control plane of such a release does not need it.
generate_module() ( # version directory
	version=$1 dir=$2
	set -e # the caller's context may have switched it off
	mkdir -p "$dir/empty"
	cd "$dir"
	echo "module k8s.io/kube-proxy" >empty/go.mod
	kube_proxy="v0.${version#*.}"
	rm -f go.mod
	GOFLAGS=-mod=mod go mod download "k8s.io/kube-proxy@$kube_proxy" || kube_proxy=
	upstream=$(GOFLAGS=-mod=mod go mod download -json "k8s.io/kubernetes@v$version" |
		sed -n 's/^\t"GoMod": "\(.*\)",\{0,1\}$/\1/p')
	[ -n "$upstream" ] || { echo "there is no Kubernetes $version" && exit 1; }
	awk -v version="$version" '
		$1 == "go" && NF == 2 { go = $2 }
		$1 == "go.etcd.io/etcd/client/v3" { etcd = $2 }
		$1 == "k8s.io/kube-proxy" && $2 == "=>" && stub { staging = staging "\t" $1 " => ./empty\n"; next }
		/=> \.\/staging\// { sub(/^[0-9]+/, "0", version); staging = staging "\t" $1 " => " $1 " v" version "\n" }
		END {
			print "module cloneset.test/cluster/tools\n\ngo " go "\n"
			print "require (\n\tgo.etcd.io/etcd/server/v3 " etcd "\n\tk8s.io/kubernetes v" full "\n)\n"
			print "replace (\n" staging ")"
		}' full="$version" stub="$([ -n "$kube_proxy" ] || echo 1)" "$upstream" >go.mod
	grep -Ev "cmd/(${NODE_PROGRAMS// /|})\"" "$here/tools/tools.go" >tools.go
	go mod tidy
)

build_kubernetes() { # version
	local version=$1 dir=$cache/k8s-$1 module=$here/tools minor package flags program programs
	local -a packages=()
	programs="$CONTROL_PROGRAMS $NODE_PROGRAMS"
	if [ "$version" != "$pinned" ]; then
		programs=$CONTROL_PROGRAMS
		module=$dir/module
		with_progress "module of Kubernetes $version" generate_module "$version" "$module"
	fi
	minor=${version#*.}
	flags="-s -w"
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		flags="$flags -X $package.gitVersion=v$version -X $package.gitMajor=${version%%.*} -X $package.gitMinor=${minor%%.*}"
	done
	for program in $programs; do packages+=("k8s.io/kubernetes/cmd/$program"); done
	mkdir -p "$dir/bin"
	cd "$module"
	with_progress "etcd" go build -v -trimpath -ldflags "-s -w" -o "$dir/bin/etcd" go.etcd.io/etcd/server/v3
	with_progress "Kubernetes $version" go build -v -trimpath -ldflags "$flags" -o "$dir/bin/" "${packages[@]}"
}

build_kwok() {
	GOBIN=$cache/kwok-$KWOK/bin with_progress "kwok $KWOK" go install -v -trimpath -ldflags "-s -w" "sigs.k8s.io/kwok/cmd/kwok@$KWOK"
}

main() {
	local what=${1:-$pinned} dir stamp
	case $what in
	-h | --help | help) usage && exit 0 ;;
	kwok) dir=$cache/kwok-$KWOK ;;
	1.[0-9]*.[0-9]*) dir=$cache/k8s-$what ;;
	*) usage >&2 && exit 2 ;;
	esac
	# Built from the same sources by the same script: nothing to do.
	stamp=$(cat "$0" "$here/tools/go.mod" "$here/tools/go.sum" "$here/tools/tools.go" | sha256sum)
	if [ "$(cat "$dir/complete" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
	need_go
	renice -n 5 $$ >/dev/null 2>&1 || true # a build should not make the machine unusable
	mkdir -p "$dir"
	exec 9>"$dir/lock"
	if ! flock -n 9; then
		echo "binaries.sh: another one builds $what; waiting for it"
		flock 9
		if [ "$(cat "$dir/complete" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
	fi
	log=$dir/build.log
	echo "binaries.sh: building $what into $dir/bin with $(go env GOVERSION); the first time takes minutes"
	if [ "$what" = kwok ]; then build_kwok; else build_kubernetes "$what"; fi
	echo "$stamp" >"$dir/complete"
}

main "$@"
