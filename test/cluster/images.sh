#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fills a registry directory with the test images: several tags of "nginx", each
# serving a page that names its tag (webpod.c), a "busybox", one image that
# always fails, and the sandbox image. All have /bin/sh and busybox but pause.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if [ $# != 1 ] || [ "${1#-}" != "$1" ]; then
	cat >&2 <<'EOF'
usage: images.sh DIR
  puts nginx:{alpine,latest,stable,1.25,1.26,1.27}, nginx:broken (exits with 1
  at once), busybox:{latest,1.36} and pause:3 into the registry directory DIR
EOF
	exit 2
fi
dir=$1
busybox=${BUSYBOX:-/bin/busybox}
[ -x "$busybox" ] || busybox=/usr/bin/busybox
if ! [ -x "$busybox" ] || ldd "$busybox" >/dev/null 2>&1; then
	echo "images.sh: needs a statically linked busybox (tools/deps.sh test)" >&2
	exit 1
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# shellcheck disable=SC2086 # CC may be two words, as in CC="ccache gcc"
${CC:-gcc} -std=c17 -static -Os -s -Wall -Wextra -Werror -o "$tmp/webpod" "$here/webpod.c"

base=(--copy "$busybox:/bin/busybox:755" --mkdir /tmp:1777 --mkdir /usr/share/nginx/html
	--text /etc/passwd:root:x:0:0:root:/:/bin/sh --text "/etc/nsswitch.conf:hosts: files dns")
for applet in sh cat ls echo env date df du grep head hostname id ip kill ln mkdir mount mv cp nc ping printf ps pwd \
	rm sed seq sleep sort stat sync tail tee test timeout touch true false uname wc wget; do
	base+=(--link "/bin/$applet:busybox")
done

for tag in alpine latest stable 1.25 1.26 1.27; do
	python3 "$here/mkimage.py" add "$dir" "nginx:$tag" "${base[@]}" --copy "$tmp/webpod:/usr/sbin/nginx:755" \
		--entrypoint "[\"/usr/sbin/nginx\", \"$tag\"]" --text "/etc/image-tag:$tag" --expose 80
done
python3 "$here/mkimage.py" add "$dir" nginx:broken "${base[@]}" --text /etc/image-tag:broken \
	--entrypoint '["/bin/sh", "-c", "echo this image always fails; exit 1"]'
for tag in latest 1.36; do
	python3 "$here/mkimage.py" add "$dir" "busybox:$tag" "${base[@]}" --text "/etc/image-tag:$tag" --cmd '["/bin/sh"]'
done
python3 "$here/mkimage.py" add "$dir" pause:3 --copy "$tmp/webpod:/pause:755" --entrypoint '["/pause", "--pause"]'
