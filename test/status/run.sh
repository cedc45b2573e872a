#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What tools make of our status: runs kstatus (of Helm and Flux) and Argo CD's CloneSet health script, both as Go modules, on
# the phases that PROGRAM prints. The script is never copied into this project: it is read where Go puts the module.
set -euo pipefail

usage() {
	cat <<'EOF'
usage: run.sh PROGRAM      (built by `make test-status`)
  fetches Go modules on first use: 21 MB for kstatus, nearly all of which the local cluster needs as well, and 23 MB of Argo CD, of
  which one small file is read
EOF
}

case ${1:-} in
'' | -h | --help) usage && exit 2 ;;
esac
phases=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
readonly ARGO=github.com/argoproj/argo-cd/v2@v2.13.9
readonly ARGO_SUM=h1:Mzs4FA1EeFhI/xoTFqSA80JP9/IwI+B4I1Kr0pTcLlA=
readonly SCRIPT=resource_customizations/apps.kruise.io/CloneSet/health.lua

# What the caller's environment may say about Go must not change what is built.
export GOFLAGS=-buildvcs=false GOWORK=off CGO_ENABLED=0

command -v go >/dev/null || {
	echo "run.sh: kstatus is built with Go, and there is no 'go' in PATH. Install Go 1.24 or later." >&2
	exit 1
}

log=$(mktemp)
trap 'rm -f "$log" "$log.bin"' EXIT

# with_progress LABEL COMMAND...: says every 10 s that it goes on; shows what was said when it fails
with_progress() {
	local label=$1 begin=$SECONDS pid i
	shift
	"$@" </dev/null >"$log" 2>&1 &
	pid=$!
	for ((i = 1; ; i++)); do
		kill -0 $pid 2>/dev/null || break
		[ $((i % 50)) != 0 ] || echo "  $label: $((SECONDS - begin)) s"
		sleep 0.2
	done
	if ! wait $pid; then
		tail -n 30 "$log" >&2
		echo "run.sh: failed: $label" >&2
		return 1
	fi
	[ $((SECONDS - begin)) -lt 5 ] || echo "  $label: done after $((SECONDS - begin)) s"
}

field() { # NAME: of the JSON that `go mod download` printed
	sed -n "s/^\t\"$1\": \"\(.*\)\",\{0,1\}$/\1/p" "$log"
}

cd "$here/verdicts"
with_progress "kstatus: modules (21 MB at most) and build" go build -v -trimpath -o "$log.bin" .
with_progress "Argo CD's module (23 MB)" go mod download -json "$ARGO"
if [ "$(field Sum)" != "$ARGO_SUM" ]; then
	echo "run.sh: $ARGO is not the module that it was: $(field Sum)" >&2
	exit 1
fi
"$phases" | "$log.bin" "$root/manifests/crd.yaml" "$(field Dir)/$SCRIPT" "$root/manifests/argocd/health.lua"
