# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2153,SC2154 # variables of state.env
# The control plane: keys, etcd, kube-apiserver, kube-controller-manager,
# kube-scheduler. Needs no root. Sourced by cluster.sh.

readonly SERVICE_CIDR=10.96.0.0/16 SERVICE_API=10.96.0.1

# make_cert NAME SUBJECT [SAN]
make_cert() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -out "$1.crt" -days 365 \
		-extfile <(echo "subjectAltName=${3:-DNS:$1}") 2>/dev/null
	rm -f "$1.csr"
}

make_kubeconfig() { # NAME HOST FILE
	cat >"$3" <<EOF
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://$2:$PORT", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: test, context: {cluster: test, user: $1}}]
current-context: test
EOF
	chmod 600 "$3"
}

make_pki() (
	mkdir -p "$DIR/pki"
	cd "$DIR/pki" || exit 1
	umask 077
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.crt -days 365 \
		-subj /CN=cloneset-test-ca 2>/dev/null
	openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:prime256v1 -out sa.key 2>/dev/null
	openssl pkey -in sa.key -pubout -out sa.pub
	make_cert apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,\
DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$SERVICE_API,IP:$HOSTIP"
	make_cert admin /O=system:masters/CN=admin
	make_cert kcm /CN=system:kube-controller-manager
	make_cert sched /CN=system:kube-scheduler
	make_cert proxy /CN=system:kube-proxy
	make_cert kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
	make_kubeconfig admin 127.0.0.1 "$DIR/admin.kubeconfig"
	make_kubeconfig kcm 127.0.0.1 "$DIR/kcm.kubeconfig"
	make_kubeconfig sched 127.0.0.1 "$DIR/sched.kubeconfig"
	make_kubeconfig proxy "$HOSTIP" "$DIR/proxy.kubeconfig"
)

start_etcd() {
	start etcd "$BIN/etcd" --data-dir "$DIR/etcd" --listen-client-urls "http://127.0.0.1:$ETCD_PORT" \
		--advertise-client-urls "http://127.0.0.1:$ETCD_PORT" --listen-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" \
		--initial-advertise-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" \
		--initial-cluster "default=http://127.0.0.1:$ETCD_PEER_PORT" --unsafe-no-fsync --log-level error
}

start_apiserver() {
	local -a audit=()
	if [ "$AUDIT" = 1 ]; then
		cat >"$DIR/audit-policy.yaml" <<'EOF'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
EOF
		audit=(--audit-policy-file "$DIR/audit-policy.yaml" --audit-log-path "$DIR/audit.log" --audit-log-maxsize 4000)
	fi
	# shellcheck disable=SC2086 # APISERVER_EXTRA is a list of words
	start apiserver "$BIN/kube-apiserver" --etcd-servers "http://127.0.0.1:$ETCD_PORT" --secure-port "$PORT" \
		--bind-address 0.0.0.0 --advertise-address "$HOSTIP" --service-cluster-ip-range "$SERVICE_CIDR" \
		--tls-cert-file "$DIR/pki/apiserver.crt" --tls-private-key-file "$DIR/pki/apiserver.key" \
		--client-ca-file "$DIR/pki/ca.crt" --authorization-mode Node,RBAC --allow-privileged=true \
		--service-account-key-file "$DIR/pki/sa.pub" --service-account-signing-key-file "$DIR/pki/sa.key" \
		--service-account-issuer https://kubernetes.default.svc --enable-aggregator-routing=true \
		--kubelet-client-certificate "$DIR/pki/kubelet-client.crt" --kubelet-client-key "$DIR/pki/kubelet-client.key" \
		--kubelet-certificate-authority "$DIR/pki/ca.crt" --kubelet-preferred-address-types InternalIP "${audit[@]}" ${APISERVER_EXTRA:-}
}

# The host-path provisioner keeps every volume below /tmp/hostpath_pv, which nothing can change. As root it gets
# a mount namespace in which that path is a folder of this cluster; otherwise 'down' removes the volumes one by one.
start_kcm() {
	local -a wrap=()
	if [ "$(id -u)" = 0 ]; then
		mkdir -p "$DIR/hostpath" /tmp/hostpath_pv
		# shellcheck disable=SC2016 # expanded by the inner shell
		wrap=(unshare --mount -- sh -c 'mount --bind "$0" /tmp/hostpath_pv && exec "$@"' "$DIR/hostpath")
	fi
	# shellcheck disable=SC2086
	start kcm "${wrap[@]}" "$BIN/kube-controller-manager" --kubeconfig "$DIR/kcm.kubeconfig" --secure-port=0 \
		--service-account-private-key-file "$DIR/pki/sa.key" --root-ca-file "$DIR/pki/ca.crt" \
		--use-service-account-credentials --leader-elect=false --kube-api-qps 500 --kube-api-burst 1000 \
		--concurrent-gc-syncs 40 --enable-hostpath-provisioner=true ${KCM_EXTRA:-}
}

start_sched() {
	start sched "$BIN/kube-scheduler" --kubeconfig "$DIR/sched.kubeconfig" --secure-port=0 --leader-elect=false \
		--kube-api-qps 2000 --kube-api-burst 4000 --pod-max-in-unschedulable-pods-duration 5s # it may miss a claim being bound
}

# Of all nodes that exist or come; FILE: its configuration and stages.
start_kwok() { # FILE
	"$here/binaries.sh" kwok
	start kwok "$CACHE/kwok-$(sed -n 's/^readonly KWOK=//p' "$here/binaries.sh")/bin/kwok" --kubeconfig "$DIR/admin.kubeconfig" \
		--manage-all-nodes --config "$1" --v=WARN
}

create_storage_class() {
	api /apis/storage.k8s.io/v1/storageclasses -X POST -H 'Content-Type: application/json' -d '{
		"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "rbd"},
		"provisioner": "kubernetes.io/host-path", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}'
}

default_account_exists() { api /api/v1/namespaces/default/serviceaccounts/default; }

wait_apiserver() { wait_for "kube-apiserver" 90 "etcd apiserver" api /readyz; }

write_state() {
	cat >"$DIR/state.env" <<EOF
NAME='$NAME'
K8S='$K8S'
BIN='$BIN'
SLOT=$SLOT
HOSTIP=10.240.$SLOT.1
PORT=${PORT:-$((21000 + SLOT * 10))}
ETCD_PORT=${ETCD_PORT:-$((21000 + SLOT * 10 + 1))}
ETCD_PEER_PORT=${ETCD_PEER_PORT:-$((21000 + SLOT * 10 + 2))}
REGISTRY_PORT=${REGISTRY_PORT:-$((21000 + SLOT * 10 + 3))}
BRIDGE=cs-$SLOT
AUDIT=${AUDIT:-0}
APISERVER_EXTRA='${APISERVER_EXTRA:-}'
KCM_EXTRA='${KCM_EXTRA:-}'
EOF
}

control_up() {
	local begin
	begin=$(now_ms)
	rm -f "$DIR"/*.log
	take_slot
	write_state
	load_state
	make_pki
	start_etcd
	start_apiserver
	wait_apiserver
	start_kcm
	start_sched
	wait_for "the StorageClass" 20 "apiserver kcm sched" create_storage_class
	wait_for "the default service account" 60 "apiserver kcm sched" default_account_exists
	say "control plane $K8S of '$NAME' is up on https://127.0.0.1:$PORT after $(($(now_ms) - begin)) ms"
}

# Ends everything at once, without grace: nothing of the state is kept but the logs.
control_down() (
	if [ "$(id -u)" != 0 ] && load_state && pid_of apiserver >/dev/null; then
		while read -r path; do
			case $path in /tmp/hostpath_pv/?*) rm -rf "$path" ;; esac
		done < <(KUBECONFIG=$DIR/admin.kubeconfig "$BIN/kubectl" get pv --request-timeout=5s \
			-o 'jsonpath={range .items[*]}{.spec.hostPath.path}{"\n"}{end}' 2>/dev/null)
	fi
	stop KILL kwok sched kcm apiserver etcd
	rm -rf "$DIR/etcd" "$DIR/pki" "$DIR/hostpath" "$DIR"/*.kubeconfig
	if load_state; then
		rm -f "$DIR/state.env"
		if [ "$(cat "$CACHE/slots/$SLOT" 2>/dev/null)" = "$DIR" ]; then rm -f "$CACHE/slots/$SLOT"; fi
		# Mount points that nodes need on the host; removing one would unmount it in another cluster.
		other_slots_in_use || rmdir /tmp/hostpath_pv /var/lib/kubelet /var/lib/cni 2>/dev/null || true
	fi
)
