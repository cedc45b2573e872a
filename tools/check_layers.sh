#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails when a file includes a header of a layer it must not know, or a library outside its one directory.
set -u
cd "$(dirname "$0")/.." || exit 2
bad=0
breach() { echo "layer breach: $1 includes $2 ($3)"; bad=1; }

# layer -> directories it may include from
allowed() {
    case $1 in
    common/base) echo "common/base" ;;
    common/json) echo "common/base common/json" ;;
    common/api) echo "common/base common/json common/api" ;;
    common/cloneset | controller/plan) echo "common/base common/json common/api common/cloneset controller/plan" ;;
    common/kube) echo "common/base common/json common/api common/kube" ;;
    common/http) echo "common/base common/http" ;;
    certs) echo "common/base common/json common/api common/kube certs" ;;
    webhook) echo "common/base common/json common/api common/cloneset common/kube common/http certs webhook" ;;
    controller/runtime) echo "common/base common/json common/api common/kube controller/runtime" ;;
    controller/cloneset | controller) echo "common/base common/json common/api common/cloneset common/kube common/http controller controller/runtime controller/plan controller/cloneset" ;;
    *) echo "" ;;
    esac
}

while IFS= read -r f; do
    dir=$(dirname "$f")
    ok=$(allowed "$dir")
    [ -n "$ok" ] || { breach "$f" "-" "no rule for directory $dir"; continue; }
    while IFS= read -r inc; do
        d=$(dirname "$inc")
        case " $ok " in *" $d "*) ;; *) breach "$f" "$inc" "layer $dir" ;; esac
        [ "$dir" = common/cloneset ] && [ "$d" = controller/plan ] && breach "$f" "$inc" "domain must not know the planner"
    done < <(sed -n 's/^ *# *include "\([^"]*\)".*/\1/p' "$f")
    while IFS= read -r inc; do
        case $inc in
        cjson/* | cJSON.h) [ "$dir" = common/json ] || breach "$f" "$inc" "cJSON only in common/json" ;;
        curl/*) [ "$dir" = common/kube ] || breach "$f" "$inc" "libcurl only in common/kube" ;;
        yaml.h) [ "$dir" = common/kube ] || breach "$f" "$inc" "libyaml only in common/kube" ;;
        microhttpd.h | gnutls/*) [ "$dir" = common/http ] || breach "$f" "$inc" "libmicrohttpd only in common/http" ;;
        openssl/*) [ "$dir" = certs ] || [ "$f" = common/base/hash.c ] || breach "$f" "$inc" "OpenSSL only in certs and common/base/hash.c" ;;
        esac
    done < <(sed -n 's/^ *# *include <\([^>]*\)>.*/\1/p' "$f")
done < <(git ls-files -co --exclude-standard 'common/*.[ch]' 'certs/*.[ch]' 'webhook/*.[ch]' 'controller/*.[ch]')
[ $bad = 0 ] && echo "layers: clean"
exit $bad
