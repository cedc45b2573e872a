# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2153,SC2154 # variables of state.env
# A real node: kubelet, containerd and kube-proxy in namespaces of their own
# (node-init.sh), joined to the host by a bridge. Pods are routed, not bridged
# (CNI plug-in ptp), so that Services work without br_netfilter. Needs root.
# Sourced by cluster.sh. Node i of a cluster has the address 10.240.SLOT.(10+i)
# and the Pods 10.(240+i).SLOT.0/24.

node_ip() { echo "10.240.$SLOT.$((10 + $1))"; }
pod_cidr() { echo "10.$((240 + $1)).$SLOT.0/24"; }
node_cgroup() { echo "cs-$SLOT-n$1"; }
node_indices() {
	local dir
	for dir in "$DIR"/node[0-9]*; do
		[ -d "$dir" ] && echo "${dir##*/node}"
	done
	return 0
}

need_node_tools() {
	[ "$(id -u)" = 0 ] || die "a node needs root (namespaces, cgroups, mounts): run this as root, or use 'up' alone"
	local tool lacking=
	for tool in containerd runc iptables ip nsenter unshare python3 gcc mount; do
		command -v $tool >/dev/null || lacking="$lacking $tool"
	done
	[ -x "$CNI_BIN/ptp" ] || lacking="$lacking containernetworking-plugins"
	[ -z "$lacking" ] || die "missing:$lacking; please run tools/deps.sh test"
	[ -x "$BIN/kubelet" ] || die "Kubernetes $K8S is built without kubelet: a node needs the default version"
}
CNI_BIN=${CNI_BIN:-/usr/lib/cni}

in_node() { # index command...
	local init
	init=$(pid_of "node$1") || die "node$1 does not run"
	shift
	nsenter -t "$init" --mount --net --pid --uts --ipc -- "$@"
}

start_in_node() { # index name command...; records the pid of the command itself, not of nsenter
	local index=$1 name="$2$1" init pid i
	shift 2
	if pid_of "$name" >/dev/null; then return; fi
	init=$(pid_of "node$index") || die "node$index does not run"
	setsid nsenter -t "$init" --mount --net --pid --uts --ipc -- "$@" </dev/null >>"$DIR/$name.log" 2>&1 &
	for ((i = 0; i < 100; i++)); do
		pid=$(cat "/proc/$!/task/$!/children" 2>/dev/null) || break
		[ -n "$pid" ] && break
		sleep 0.02
	done
	pid=${pid% }
	record_pid "$name" "${pid:-$!}"
	disown
}

# ---- cgroups: one below the root of each hierarchy, so that the kubelets of two clusters never see each other's

cgroup_roots() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/mounts; }

make_cgroups() { # name
	local root controller
	local -a controllers
	for root in $(cgroup_roots); do
		mkdir -p "$root/$1"
		if [ -e "$root/cgroup.subtree_control" ]; then
			read -r -a controllers <"$root/cgroup.controllers"
			for controller in "${controllers[@]}"; do
				echo "+$controller" >"$root/cgroup.subtree_control" || true
				echo "+$controller" >"$root/$1/cgroup.subtree_control" || true
			done 2>/dev/null
		fi
	done
}

remove_cgroups() { # name; processes that were killed may take a moment to leave
	local root i
	for root in $(cgroup_roots); do
		[ -d "$root/$1" ] || continue
		for ((i = 0; i < 100; i++)); do
			find "$root/$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
			[ -d "$root/$1" ] || break
			sleep 0.05
		done
	done
}

# ---- network

# No DNS is served. Pods get this address, which is the node's own, as their resolver: it refuses at once.
readonly CLUSTER_DNS=10.96.0.10

bridge_up() {
	ip link show "$BRIDGE" >/dev/null 2>&1 && return
	ip link add "$BRIDGE" type bridge
	ip addr add "$HOSTIP/24" dev "$BRIDGE"
	ip link set "$BRIDGE" up
}

connect_node() { # index; no default route: what Pods send never leaves the machine
	local index=$1 init veth="cs-$SLOT-n$1" other
	init=$(pid_of "node$index")
	ip link add "$veth" type veth peer name eth0 netns "$init"
	ip link set "$veth" master "$BRIDGE" up
	in_node "$index" sh -e <<EOF
ip link set lo up
ip addr add $(node_ip "$index")/24 dev eth0
ip link set eth0 up
ip route add $SERVICE_CIDR dev eth0
ip addr add $CLUSTER_DNS/32 dev lo
echo 1 >/proc/sys/net/ipv4/ip_forward
EOF
	ip route replace "$(pod_cidr "$index")" via "$(node_ip "$index")" dev "$BRIDGE"
	for other in $(node_indices); do
		[ "$other" = "$index" ] && continue
		in_node "$index" ip route replace "$(pod_cidr "$other")" via "$(node_ip "$other")"
		in_node "$other" ip route replace "$(pod_cidr "$index")" via "$(node_ip "$index")"
	done
}

# ---- images

registry_up() {
	local stamp
	stamp=$(cat "$here/images.sh" "$here/mkimage.py" "$here/webpod.c" | sha256sum)
	if [ "$(cat "$DIR/registry/stamp" 2>/dev/null)" != "$stamp" ]; then
		"$here/images.sh" "$DIR/registry" >"$DIR/images.log" 2>&1 || {
			show_log_tail images
			die "images.sh failed"
		}
		echo "$stamp" >"$DIR/registry/stamp"
	fi
	start registry python3 "$here/registry.py" "$DIR/registry" "$HOSTIP" "$REGISTRY_PORT"
	wait_for "the image registry" 10 registry curl -fsS -m 5 "http://$HOSTIP:$REGISTRY_PORT/v2/"
}

# ---- configuration

write_node_config() { # index
	local node="$DIR/node$1" url="http://$HOSTIP:$REGISTRY_PORT" snapshotter=overlayfs
	# An overlay cannot be stacked on an overlay, as when this runs in a container.
	[ "$(stat -f -c %T "$DIR")" != overlayfs ] || snapshotter=native
	mkdir -p "$node/cni" "$node/certs.d/_default"
	cat >"$node/certs.d/_default/hosts.toml" <<EOF
server = "$url"
[host."$url"]
  capabilities = ["pull", "resolve"]
EOF
	cat >"$node/cni/10-ptp.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "cs-$SLOT-n$1", "plugins": [
  {"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "dataDir": "/var/lib/cni/networks",
    "ranges": [[{"subnet": "$(pod_cidr "$1")"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
EOF
	# restrict_oom_score_adj: without CAP_SYS_RESOURCE no process may be given a lower score than containerd's own.
	cat >"$node/containerd.toml" <<EOF
version = 2
root = "$node/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "$node/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/library/pause:3"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "$snapshotter"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$CNI_BIN"
conf_dir = "$node/cni"
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "$node/certs.d"
EOF
	cat >"$node/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $DIR/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $DIR/pki/node$1.crt
tlsPrivateKeyFile: $DIR/pki/node$1.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$(node_cgroup "$1")
failSwapOn: false
failCgroupV1: false
resolvConf: ""
clusterDNS: [$CLUSTER_DNS]
clusterDomain: cluster.local
evictionHard: {memory.available: "1Mi", nodefs.available: "1%", imagefs.available: "1%", nodefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
enforceNodeAllocatable: []
maxPods: 200
nodeLeaseDurationSeconds: 16
serializeImagePulls: false
registryPullQPS: 0
eventRecordQPS: 0
EOF
}

# ---- up and down

start_node_init() { # index
	local i init
	# --kill-child: ending unshare ends the node, too; the recorded pid is that of process 1 itself.
	setsid unshare --mount --net --pid --uts --ipc --fork --kill-child --mount-proc \
		"$here/node-init.sh" "$DIR/node$1" "node$1" "$DIR/hostpath" </dev/null >"$DIR/node$1.log" 2>&1 &
	record_pid "unshare$1" $!
	for ((i = 0; i < 250; i++)); do
		[ -e "$DIR/node$1/ready" ] && break
		pid_of "unshare$1" >/dev/null || break
		sleep 0.02
	done
	if ! [ -e "$DIR/node$1/ready" ]; then
		show_log_tail "node$1"
		die "the namespaces of node$1 could not be made"
	fi
	init=$(cat "/proc/$!/task/$!/children")
	record_pid "node$1" "${init% }"
	disown
}

start_containerd() { start_in_node "$1" containerd containerd -c "$DIR/node$1/containerd.toml" --log-level warn; }

start_kubelet() {
	start_in_node "$1" kubelet "$BIN/kubelet" --config "$DIR/node$1/kubelet.yaml" \
		--kubeconfig "$DIR/node$1/kubeconfig" --node-ip "$(node_ip "$1")" --hostname-override "node$1" --v=2
}

start_proxy() {
	start_in_node "$1" proxy "$BIN/kube-proxy" --kubeconfig "$DIR/proxy.kubeconfig" --proxy-mode iptables \
		--hostname-override "node$1" --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 \
		--conntrack-tcp-timeout-close-wait 0
}

node_ready() {
	api "/api/v1/nodes/node$1" | python3 -c '
import json, sys
node = json.load(sys.stdin)
ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
sys.exit(not (ready and not node["spec"].get("taints")))'
}

one_node_up() { # index
	if pid_of "node$1" >/dev/null; then return; fi
	mkdir -p "$DIR/node$1" "$DIR/hostpath"
	make_cgroups "$(node_cgroup "$1")"
	write_node_config "$1"
	(
		cd "$DIR/pki" || exit 1
		umask 077
		make_cert "node$1" "/O=system:nodes/CN=system:node:node$1" "DNS:node$1,IP:$(node_ip "$1")"
		make_kubeconfig "node$1" "$HOSTIP" "$DIR/node$1/kubeconfig"
	)
	start_node_init "$1"
	connect_node "$1"
	start_containerd "$1"
	wait_for "containerd" 30 "containerd$1" in_node "$1" test -S /run/containerd/containerd.sock
	start_kubelet "$1"
	start_proxy "$1"
}

node_up() {
	local begin i
	begin=$(now_ms)
	bridge_up
	registry_up
	for ((i = 1; i <= ${NODES:-1}; i++)); do one_node_up $i; done
	for ((i = 1; i <= ${NODES:-1}; i++)); do
		wait_for "node$i to be Ready" 90 "node$i containerd$i kubelet$i proxy$i" node_ready $i
	done
	say "${NODES:-1} node(s) of '$NAME' Ready after $(($(now_ms) - begin)) ms"
}

# Works also when half of it is missing, and without the control plane.
node_down() (
	load_state || true
	for i in $(node_indices); do
		stop KILL "node$i" "unshare$i"
		rm -f "$DIR"/{containerd,kubelet,proxy}"$i.pid"
		rm -rf "$DIR/node$i" "$DIR/pki/node$i".*
		# A dead node's object would still say Ready for a while, also to the next 'node-up'.
		if pid_of apiserver >/dev/null; then api "/api/v1/nodes/node$i" -X DELETE >/dev/null 2>&1 || true; fi
		[ -n "${SLOT:-}" ] || continue
		ip link del "cs-$SLOT-n$i" 2>/dev/null || true
		remove_cgroups "$(node_cgroup "$i")"
	done
	stop KILL registry
	[ -z "${BRIDGE:-}" ] || ip link del "$BRIDGE" 2>/dev/null || true
)
