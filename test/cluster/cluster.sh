#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A throwaway Kubernetes on this machine: control.sh (control plane), node.sh
# (a real node), lib.sh (processes). Several can run side by side if NAME or DIR
# differ: each takes a slot, a number that its ports and addresses are made of.
set -euo pipefail

usage() {
	cat <<'EOF'
usage: cluster.sh up|down|node-up|node-down|status|env
       cluster.sh kwok-up FILE                      kwok plays the kubelet of all nodes, by the stages in FILE
       cluster.sh stop|kill|start|pid COMPONENT     for fault tests: stop is SIGTERM (the API server may
                                                    take 20 s over it), kill is SIGKILL, pid prints it
       cluster.sh node-exec INDEX COMMAND...        e.g. node-exec 1 ctr -n k8s.io images ls
  up         etcd, kube-apiserver, kube-controller-manager, kube-scheduler (no root needed)
  node-up    a real node: kubelet, containerd, kube-proxy, an image registry (root)
  node-down  ends the nodes, keeps the control plane
  down       ends everything; only the logs in DIR stay
  status     what runs; exit code 0 if nothing that was started has died
  env        lines for `eval`: KUBECONFIG, PATH, CLUSTER_*
  COMPONENT  etcd apiserver kcm sched kwok registry kubelet1 containerd1 proxy1
environment:
  NAME     name of the cluster (dev)        DIR   its folder (CACHE/clusters/NAME)
  K8S      Kubernetes version (1.34.4)      PORT  of the API server (a free one)
  NODES    number of nodes (1)              AUDIT=1  one line per request in DIR/audit.log
  APISERVER_EXTRA, KCM_EXTRA  more flags    CLONESET_CACHE  (~/.cache/cloneset)
EOF
}

# shellcheck source-path=SCRIPTDIR
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=control.sh
. "$here/control.sh"
# shellcheck source=node.sh
. "$here/node.sh"

prepare() { # the folder and the programs
	local tool lacking=
	for tool in openssl curl ip setsid flock; do
		command -v $tool >/dev/null || lacking="$lacking $tool"
	done
	[ -z "$lacking" ] || die "missing:$lacking; please run tools/deps.sh test"
	"$here/binaries.sh" "${K8S:=$(awk '$1 == "k8s.io/kubernetes" {print substr($2, 2)}' "$here/tools/go.mod")}"
	BIN=$CACHE/k8s-$K8S/bin
	mkdir -p "$DIR"
	DIR=$(cd "$DIR" && pwd -P)
	case $DIR/ in
	/run/* | /var/run/* | /var/log/* | /var/lib/kubelet/* | /var/lib/cni/*) die "DIR must not be in ${DIR%/*}: nodes hide it" ;;
	*[[:space:]\'\"]*) die "DIR must not contain spaces or quotes: $DIR" ;;
	esac
}

components() { # names of all that was started
	local file
	for file in "$DIR"/*.pid; do
		[ -e "$file" ] && basename "$file" .pid
	done
	return 0
}

all_of_control_alive() (
	load_state || exit 1
	for name in etcd apiserver kcm sched; do pid_of "$name" >/dev/null || exit 1; done
)

# What has been half done when the script ends is undone, however it ends.
undo=
on_exit() {
	local code=$?
	[ -n "$undo" ] || return 0
	echo "cluster.sh: failed; ending what was started, logs are in $DIR" >&2
	set +e
	"$undo"
	exit $((code == 0 ? 1 : code))
}
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

up() {
	if all_of_control_alive; then
		say "'$NAME' already runs in $DIR"
		return
	fi
	prepare
	node_down
	control_down
	undo=control_down
	control_up
	undo=
}

node_up_or_down() {
	load_state || die "there is no control plane in $DIR: run 'up' first"
	need_node_tools
	undo=node_down
	node_up
	undo=
}

status() {
	local name pid bad=0
	load_state || die "no cluster in $DIR"
	for name in $(components); do
		if pid=$(pid_of "$name"); then echo "$name: pid $pid"; else
			echo "$name: dead" && bad=1
		fi
	done
	echo "Kubernetes $K8S on https://127.0.0.1:$PORT, state in $DIR"
	return $bad
}

print_env() {
	load_state || die "no cluster in $DIR"
	# kubectl remembers what a server serves by its port, which the next cluster may have.
	cat <<EOF
export KUBECONFIG='$DIR/admin.kubeconfig' KUBECACHEDIR='$DIR/kubectl-cache'
export PATH='$BIN':"\$PATH"
export CLUSTER_DIR='$DIR' CLUSTER_NAME='$NAME' CLUSTER_URL='https://127.0.0.1:$PORT'
export CLUSTER_HOSTIP='$HOSTIP' CLUSTER_REGISTRY='$DIR/registry' CLUSTER_AUDIT_LOG='$DIR/audit.log'
EOF
}

one() { # stop|kill|start|pid component
	load_state || die "no cluster in $DIR"
	local index=${2##*[a-z]}
	case $2 in etcd | apiserver | kcm | sched | kwok | registry | kubelet[0-9] | containerd[0-9] | proxy[0-9]) ;; *) die "no component '$2'" ;; esac
	case $1 in
	pid) pid_of "$2" ;;
	stop) stop TERM "$2" ;;
	kill) stop KILL "$2" ;;
	start)
		case $2 in
		registry) registry_up ;;
		*) "start_${2%"$index"}" "$index" ;;
		esac
		if [ "$2" = apiserver ] || [ "$2" = etcd ]; then wait_apiserver; fi
		;;
	esac
}

[ ! -d "$DIR" ] || DIR=$(cd "$DIR" && pwd -P)
case ${1:-} in
up) up ;;
down)
	node_down
	control_down
	rm -rf "$DIR/registry"
	;;
node-up) node_up_or_down ;;
node-down) node_down ;;
kwok-up)
	[ $# = 2 ] || { usage >&2 && exit 2; }
	load_state || die "there is no control plane in $DIR: run 'up' first"
	start_kwok "$2"
	;;
status) status ;;
env) print_env ;;
stop | kill | start | pid)
	[ $# = 2 ] || { usage >&2 && exit 2; }
	one "$1" "$2"
	;;
node-exec)
	[ $# -ge 3 ] || { usage >&2 && exit 2; }
	load_state || die "no cluster in $DIR"
	in_node "${@:2}"
	;;
-h | --help | help) usage ;;
*)
	usage >&2
	exit 2
	;;
esac
