#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that building, testing and linting need. It asks
# dpkg first and calls apt only for what is missing, so that a second call takes
# a blink and needs neither root nor a network.
set -euo pipefail

usage() {
	cat <<'EOF'
usage: tools/deps.sh [build|test|bench|fuzz|lint|all]...     (default: build)
  build  compiler and libraries of the product
  test   what unit tests and the local cluster need (build included)
  bench  what the benchmarks need (test included)
  fuzz   clang with libFuzzer and the sanitizers' libraries (build included)
  lint   formatters and checkers (build included)
  all    everything
DRY_RUN=1 prints what is missing and exits 1 if anything is.
EOF
}

readonly BUILD="gcc make pkg-config libc6-dev libmicrohttpd-dev libcurl4-openssl-dev libcjson-dev libyaml-dev
	libssl-dev libgnutls28-dev uthash-dev"
# The local cluster: containerd, runc and the CNI plug-ins run the node,
# busybox-static is what the test images are made of, libfaketime lets clocks jump, the rest
# are the tools that its scripts call.
readonly TEST="libcmocka-dev python3 python3-yaml python3-venv openssl curl ca-certificates containerd runc
	containernetworking-plugins iptables iproute2 util-linux procps kmod busybox-static binutils valgrind libc6-dbg
	libfaketime"
readonly FUZZ="clang libclang-rt-14-dev llvm"
readonly LINT="clang clang-tools clang-format clang-tidy shellcheck cppcheck"

# The Go that Kubernetes is built with: Debian 12's own is too old for it.
readonly GO_MINOR_MIN=24

wanted() {
	local group
	for group in "$@"; do
		case $group in
		build) echo "$BUILD" ;;
		test | bench) echo "$BUILD $TEST" ;;
		fuzz) echo "$BUILD $FUZZ" ;;
		lint) echo "$BUILD $LINT" ;;
		all) echo "$BUILD $TEST $FUZZ $LINT" ;;
		-h | --help | help)
			usage >&2
			return 2
			;;
		*)
			echo "deps.sh: unknown group '$group'" >&2
			usage >&2
			return 2
			;;
		esac
	done
}

missing_of() { # prints those of its arguments that are not installed
	local package
	for package in "$@"; do
		# One query each: dpkg-query reports an unknown package by its exit code only.
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
	done
}

# Debian starts a freshly installed containerd as a service. The tests use one
# of their own, so the service is kept from starting, unless the machine already
# has a policy on that.
policy=/usr/sbin/policy-rc.d
policy_made=
deny_services() {
	[ -e "$policy" ] && return
	policy_made=1
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}
allow_services() { [ -z "$policy_made" ] || rm -f "$policy"; }

install_packages() {
	local -a apt=(apt-get -o DPkg::Lock::Timeout=600 -qq)
	trap allow_services EXIT
	deny_services
	echo "deps.sh: installing: $*"
	export DEBIAN_FRONTEND=noninteractive
	"${apt[@]}" update
	if ! "${apt[@]}" install -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" </dev/null >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		echo "deps.sh: apt-get could not install: $*" >&2
		return 1
	fi
}

check_go() {
	local minor
	if ! command -v go >/dev/null; then
		echo "deps.sh: note: no 'go' in PATH; the local cluster needs Go 1.$GO_MINOR_MIN or later (the product itself does not)" >&2
		return
	fi
	minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
	if [ -n "$minor" ] && [ "$minor" -lt "$GO_MINOR_MIN" ]; then
		echo "deps.sh: note: $(go env GOVERSION) is older than 1.$GO_MINOR_MIN; it will try to fetch a newer toolchain" >&2
	fi
}

main() {
	[ $# -gt 0 ] || set -- build
	local packages missing
	packages=$(wanted "$@") || exit $?
	if ! command -v dpkg-query >/dev/null; then
		echo "deps.sh: this is not a Debian; please install the equivalents of:" >&2
		echo "$packages" | xargs >&2
		exit 1
	fi
	# shellcheck disable=SC2086 # lists of words
	mapfile -t missing < <(missing_of $packages | sort -u)
	if [ ${#missing[@]} -gt 0 ]; then
		if [ -n "${DRY_RUN:-}" ]; then
			echo "missing: ${missing[*]}"
			exit 1
		fi
		if [ "$(id -u)" != 0 ]; then
			echo "deps.sh: missing: ${missing[*]}" >&2
			echo "deps.sh: please run:  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
			exit 1
		fi
		log=$(mktemp)
		install_packages "${missing[@]}" || exit 1
		rm -f "$log"
	fi
	case " $* " in *" test "* | *" bench "* | *" all "*) check_go ;; esac
	return 0
}

log=/dev/null
main "$@"
