#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Shows that the test bed does what the tests rely on: volumes that outlive
# Pods, images whatever the pull policy, an image change in place, Services, the
# API from inside Pods, packed programs under the "restricted" level, two
# clusters side by side, and that nothing stays behind.
set -euo pipefail

case ${1:-} in
'') ;;
*)
	echo "usage: selftest.sh      (needs root; takes half a minute when the binaries are built)" >&2
	exit 2
	;;
esac
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "selftest.sh: the node needs root; skipped" && exit 77; }

tmp=$(mktemp -d)
passed=0
cluster() { DIR=$tmp/$1 NAME=$1 "$here/cluster.sh" "${@:2}"; }
cleanup() {
	local code=$? name
	for name in one two; do cluster $name down || true; done
	if [ $code = 0 ]; then rm -rf "$tmp"; else echo "selftest.sh: FAILED; logs are in $tmp" >&2; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

ok() {
	passed=$((passed + 1))
	echo "ok $passed - $1"
}

expect() { # WHAT WANTED COMMAND...: the command's output must be exactly that, within 20 s
	local what=$1 wanted=$2 got='' i
	shift 2
	for ((i = 0; i < 100; i++)); do
		got=$("$@" 2>&1) || true
		[ "$got" != "$wanted" ] || break
		sleep 0.2
	done
	[ "$got" = "$wanted" ] || {
		echo "not ok - $what: wanted '$wanted', got '$got'" >&2
		exit 1
	}
	ok "$what"
}

# What the machine looks like from the outside: mounts, interfaces, routes, cgroups, firewall, network namespaces.
footprint() {
	{
		awk '{print "mount", $2}' /proc/mounts
		ip -o link | awk -F'[:@] *' '{print "link", $2}'
		ip route
		find /sys/fs/cgroup -maxdepth 2 -name 'cs-*'
		iptables-save 2>/dev/null | grep '^-A' || true
		find /run/netns /tmp/hostpath_pv /var/lib/kubelet /var/lib/cni /var/log/pods /run/containerd \
			-mindepth 1 -maxdepth 1 2>/dev/null || true
	} | sort
}
slot_of() { sed -n 's/^SLOT=//p' "$tmp/$1/state.env"; }

# nothing_new SLOT SLOT: new lines count unless they are another cluster's that someone brought up meanwhile
nothing_new() {
	footprint | comm -13 "$tmp/before" - |
		grep -Ev "cs-(${1}|${2})(-|\b)|10\.24[0-9]\.(${1}|${2})\." >"$tmp/others" || true
	footprint | comm -13 "$tmp/before" - | grep -Fvxf "$tmp/others" || true
	grep -Ev 'cs-[0-9]|10\.24[0-9]\.' "$tmp/others" || true
}
processes_of() { # those that name the folder, and all in a namespace of theirs
	local pid
	for pid in /proc/[0-9]*; do
		if tr '\0' ' ' <"$pid/cmdline" 2>/dev/null | grep -q "$1"; then echo "${pid#/proc/}"; fi
	done 2>/dev/null | grep -vx "$$" || true
}

footprint >"$tmp/before"
cluster one up
cluster one node-up
eval "$(cluster one env)"

"$here/mkimage.py" add "$CLUSTER_REGISTRY" packed:1 --with-libs --copy "$(command -v curl):/curl" \
	--user 65532:65532 --entrypoint '["/curl"]'
kubectl apply -f - <<'EOF'
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: rbd, resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: nginx
        image: nginx:alpine
        imagePullPolicy: Always
        volumeMounts: [{name: data, mountPath: /usr/share/nginx/html}]
        readinessProbe: {httpGet: {path: /version, port: 80}, periodSeconds: 1}
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: strict, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: Pod
metadata: {name: packed, namespace: strict}
spec:
  restartPolicy: OnFailure
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: curl
    image: example.org/packed:1
    args: [-sS, -o, /dev/null, -w, '%{http_code}', --cacert, /var/run/secrets/kubernetes.io/serviceaccount/ca.crt,
      'https://$(KUBERNETES_SERVICE_HOST)/version']
    securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
EOF
# Pods are made by a controller a moment after the Deployment.
expect "the Deployment becomes available" 1 kubectl get deploy web -o 'jsonpath={.status.availableReplicas}'
expect "the claim is bound by class rbd" Bound kubectl get pvc data -o 'jsonpath={.status.phase}'

pod() { kubectl get pod -l app=web --field-selector status.phase=Running -o "jsonpath={.items[0]$1}"; }
pod_of_web=$(pod .metadata.name)
page() { curl -fsS -m 5 "http://$(pod .status.podIP)$1"; }
expect "the page names the image although a claim is mounted" "<h1>Welcome to nginx:alpine</h1>" page /
kubectl exec "$pod_of_web" -- sh -c 'echo kept >/usr/share/nginx/html/index.html'
expect "a file written into the claim is served" kept page /
expect "the version stays visible" alpine page /version
expect "logs can be read" "webpod alpine: serving /usr/share/nginx/html" kubectl logs "$pod_of_web"

kubectl run other --image=nginx:latest --restart=Never --dry-run=client -o yaml | kubectl apply -f -
kubectl wait --for=condition=Ready pod/other --timeout=30s
service=$(kubectl get svc web -o 'jsonpath={.spec.clusterIP}')
expect "a Service is reached from another Pod" alpine kubectl exec other -- timeout 5 wget -qO- "http://$service/version"
expect "a Service is reached from its own Pod" alpine kubectl exec "$pod_of_web" -- timeout 5 wget -qO- "http://$service/version"
expect "a packed program reaches the API under level restricted" 200 kubectl -n strict logs packed
expect "names are refused at once" 1 kubectl exec other -- \
	sh -c 'timeout 3 wget -qO- http://nosuch.example 2>/dev/null; echo $?'

kubectl set image pod/other other=nginx:1.25
expect "an image changes in place" 1 kubectl get pod other -o 'jsonpath={.status.containerStatuses[0].restartCount}'
in_place() { curl -fsS -m 5 "http://$(kubectl get pod other -o 'jsonpath={.status.podIP}')/version"; }
expect "and the new one serves" 1.25 in_place

kubectl set image deploy/web nginx=nginx:latest
kubectl rollout status deploy/web --timeout=60s
expect "a new Pod runs the new image" latest page /version
expect "the data outlives the Pod" kept page /

cluster one kill kubelet1
cluster one kill containerd1
cluster one start containerd1
cluster one start kubelet1
expect "containers outlive kubelet and containerd" latest page /version
cluster one kill apiserver
cluster one start apiserver
expect "the API server comes back" kept kubectl exec "$(pod .metadata.name)" -- cat /usr/share/nginx/html/index.html
begin=$SECONDS
kubectl delete pod other
[ $((SECONDS - begin)) -le 5 ] || { echo "not ok - a Pod took $((SECONDS - begin)) s to end" >&2 && exit 1; }
ok "Pods end at once on SIGTERM"
kubectl delete deploy web
kubectl delete pvc data
expect "a deleted claim takes its volume along" "" kubectl get pv -o name
expect "and its files" "" ls "$tmp/one/hostpath"

AUDIT=1 NODES=2 cluster two up
NODES=2 cluster two node-up
cluster one status
(
	eval "$(cluster two env)"
	kubectl create deployment spread --image=nginx:latest --replicas=4
	kubectl rollout status deploy/spread --timeout=60s
	kubectl drain node1 --pod-selector=app=spread --timeout=60s
	kubectl rollout status deploy/spread --timeout=60s
	expect "drained Pods move to the second node" "node2 node2 node2 node2" \
		kubectl get pod -l app=spread --field-selector status.phase=Running -o 'jsonpath={.items[*].spec.nodeName}'
	grep -q "/eviction\"\?.*\"verb\":\"create\"" "$CLUSTER_AUDIT_LOG"
)
passed=$((passed + 1))
ok "the audit log has the evictions"

slots="$(slot_of one) $(slot_of two)"
begin=$(date +%s%N)
cluster two down
cluster one down
echo "two clusters went down in $((($(date +%s%N) - begin) / 1000000)) ms"
expect "no process is left" "" processes_of "$tmp/\(one\|two\)/"
# shellcheck disable=SC2086 # two words
expect "no mount, interface, route, cgroup, firewall rule or namespace is left" "" nothing_new $slots
echo "$passed passed, 0 failed"
