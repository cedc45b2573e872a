#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes manifests/install.yaml from its kustomize sources in manifests/base, and the CRD of the overlay v1beta1 from
# manifests/crd.yaml and its difference to that. With --check nothing is written, and the exit code says whether the files in the
# tree are what the sources make.
set -euo pipefail

usage() {
	cat <<'USAGE'
usage: tools/render_manifests.sh [--check]
KUBECTL: the kubectl to render with (the one of the local test cluster, built when it is missing)
USAGE
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly SOURCE=manifests/base TARGET=manifests/install.yaml
readonly CRD_SOURCE=manifests/overlays/v1beta1/crd CRD_TARGET=manifests/overlays/v1beta1/crd.yaml

die() {
	echo "render_manifests.sh: $*" >&2
	exit 1
}

# Not the one in PATH: another version of kustomize may lay out the same objects in other ways.
find_kubectl() {
	local version cache=${CLONESET_CACHE:-$HOME/.cache/cloneset}
	[ -z "${KUBECTL:-}" ] || {
		echo "$KUBECTL"
		return
	}
	version=$(awk '$1 == "k8s.io/kubernetes" {print substr($2, 2)}' test/cluster/tools/go.mod)
	[ -x "$cache/k8s-$version/bin/kubectl" ] || test/cluster/binaries.sh "$version" >&2
	echo "$cache/k8s-$version/bin/kubectl"
}

render() { # folder
	cat <<HEADER
# SPDX-License-Identifier: Apache-2.0
# Made by tools/render_manifests.sh from $1; do not edit. Install with:
#   kubectl apply -f manifests/crd.yaml -f manifests/install.yaml
# Remove with the following, which leaves the CRD, all CloneSets, Pods and claims:
#   kubectl delete -f manifests/install.yaml
HEADER
	"$kubectl" kustomize "$1"
}

render_crd() {
	cat <<HEADER
# SPDX-License-Identifier: Apache-2.0
# Made by tools/render_manifests.sh from manifests/crd.yaml and $CRD_SOURCE; do not edit. It serves v1alpha1, which is
# stored, and v1beta1, which cloneset-webhook converts; for what goes with it see kustomization.yaml beside it.
HEADER
	# The source reaches for manifests/crd.yaml, outside of its folder.
	"$kubectl" kustomize --load-restrictor=LoadRestrictionsNone "$CRD_SOURCE"
}

case ${1:-} in
'' | --check) ;;
-h | --help) usage && exit 0 ;;
*) usage >&2 && exit 2 ;;
esac

kubectl=$(find_kubectl)
fresh=$(mktemp)
fresh_crd=$(mktemp)
trap 'rm -f "$fresh" "$fresh_crd"' EXIT
render "$SOURCE" >"$fresh"
render_crd >"$fresh_crd"
# Whoever reads install.yaml deletes by it in this order (D20).
first=$(sed -n 's/^kind: //p' "$fresh" | head -n 2 | sort | xargs)
[ "$first" = "MutatingWebhookConfiguration ValidatingWebhookConfiguration" ] || die "$SOURCE: the webhook configurations must come first"

if [ "${1:-}" = --check ]; then
	diff -u "$TARGET" "$fresh" || die "$TARGET is not what $SOURCE makes; run tools/render_manifests.sh and commit"
	diff -u "$CRD_TARGET" "$fresh_crd" || die "$CRD_TARGET is not what $CRD_SOURCE makes; run tools/render_manifests.sh and commit"
	# The overlays are rendered by their users; here they only must render.
	for overlay in manifests/overlays/*/; do
		[ ! -d "$overlay" ] || render "$overlay" >/dev/null || die "$overlay does not render"
		# The kubectl of Kubernetes 1.30 takes one object in each file of a patch, later ones take several.
		while read -r patch; do
			! grep -q '^---' "$overlay$patch" || die "$overlay$patch holds several objects: kubectl 1.30 cannot patch with it"
		done < <(sed -n 's/^- path: //p' "${overlay}kustomization.yaml")
	done
else
	cat "$fresh" >"$TARGET"
	cat "$fresh_crd" >"$CRD_TARGET"
fi
