#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Process 1 of a test node. It is started by node.sh in mount, PID, network, UTS
# and IPC namespaces of its own; kubelet, containerd and all containers run below
# it. So the node keeps its files to itself, and killing this one process ends
# the node with everything in it: the kernel leaves no process, mount or network
# interface behind.
# usage: node-init.sh NODEDIR NODENAME HOSTPATHDIR
set -eu
node=$1 name=$2 hostpath=$3
hostname "$name"

# Fixed paths of kubelet, containerd and CNI lead into the node's folder.
bind() { # directory-on-the-host path
	mkdir -p "$1" "$2"
	mount --bind "$1" "$2"
}
bind "$node/log" /var/log
bind "$node/kubelet" /var/lib/kubelet
bind "$node/cni-state" /var/lib/cni
bind "$hostpath" /tmp/hostpath_pv
bind "$node/run" /run
mkdir -p /run/netns /run/lock

# kubelet would write these settings of the whole machine; here it finds the
# values it wants in files that only this node sees.
mkdir -p "$node/sysctl"
mask() { # value setting
	[ -e "/proc/sys/$2" ] || return 0
	echo "$1" >"$node/sysctl/${2//\//.}"
	mount --bind "$node/sysctl/${2//\//.}" "/proc/sys/$2"
}
mask 1 vm/overcommit_memory
mask 0 vm/panic_on_oom
mask 10 kernel/panic
mask 1 kernel/panic_on_oops
mask 1000000 kernel/keys/root_maxkeys
mask 25000000 kernel/keys/root_maxbytes

touch "$node/ready"
# Bash reaps whatever is handed to process 1 while it waits.
while :; do
	sleep infinity &
	wait $! || true
done
