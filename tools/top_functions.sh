#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails when a function, a .c file or a header outgrows its budget. A function starts at a line that holds only
# "{" in column 1 (clang-format puts it there) and ends at the next "}" in column 1; its name is taken from the
# lines before. `top_functions.sh -l` lists the ten longest functions instead.
set -u
cd "$(dirname "$0")/.." || exit 2

readonly MAX_FUNCTION=80 MAX_SOURCE=600 MAX_HEADER=150
# Paths allowed to break a budget. Empty, and meant to stay so.
readonly EXCEPTIONS=""

files() { git ls-files -co --exclude-standard -- '*.c' '*.h' | while IFS= read -r f; do
    case " $EXCEPTIONS " in *" $f "*) ;; *) [ -f "$f" ] && echo "$f" ;; esac
done; }

functions() { # "<lines> <file>:<line> <name>" of each function
    # shellcheck disable=SC2016 # awk's own variables
    files | xargs -r awk '
        FNR == 1 { head = ""; start = 0 }
        /^\{/ { start = FNR; name = head; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
        /^\}/ {
            # Types have a closing "};" and no parameter list before them.
            if (start && head ~ /\(/ && $0 !~ /;/) print FNR - start + 1, FILENAME ":" start, name
            start = 0; head = ""
        }
        /^[A-Za-z_]/ && !start { head = $0; gsub(/__attribute__ *\(\([^)]*(\([^)]*\))?[^)]*\)\) */, "", head) }'
}

lengths() { # "<lines> <file>"
    files | while IFS= read -r f; do echo "$(wc -l <"$f") $f"; done
}

if [ "${1:-}" = -l ]; then
    functions | sort -rn | head
    exit 0
fi

over=$(
    functions | awk -v max=$MAX_FUNCTION '$1 > max { print $2 ": function " $3 " has " $1 " lines, the cap is " max }'
    lengths | awk -v c=$MAX_SOURCE -v h=$MAX_HEADER '
        { max = $2 ~ /\.h$/ ? h : c }
        $1 > max { print $2 ": " $1 " lines, the cap is " max }'
)
if [ -n "$over" ]; then
    echo "$over"
    exit 1
fi
echo "sizes: clean"
