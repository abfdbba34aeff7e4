#!/usr/bin/env bash
# Fetches the corpus of packages.toml by the clients of its registries, inspects and compiles each component under the
# default limits but that of time, and compares the verdict with the one written there: run.sh [WORD…], only packages
# with a word in their names. The program is $TOLLGATE, or target/debug/tollgate.
#
# It fails when a component has another verdict, when a limit refuses one (compile-limit), when one has more than a quarter of a
# limit of shape, or when the program fails. A run over all packages also counts the largest of each limit for the table of
# host/component/src/shape/limits.rs.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
tollgate=${TOLLGATE:-$root/target/debug/tollgate}
guests=${TOLLGATE_GUESTS:-target/guests}
work=target/corpus
archives=$work/archives
export RUST_BACKTRACE=0
TIMEFORMAT=%1R

fail() {
    printf 'corpus: %s\n' "$1" >&2
    exit 1
}
. tests/fetch.sh

# One line for each component: the fields of its package and of it in packages.toml, separated by tabs.
list() {
    awk -F ' = ' -v 'OFS=\t' '
        function end() {
            if ("path" in of)
                print package["registry"], package["name"], package["version"], package["archive"], package["sha256"],
                    package["what"], of["path"], of["verdict"], ("wit" in of) ? of["wit"] : "written"
            delete of
        }
        /^\[\[package\]\]/ { end(); delete package; inside = 0; next }
        /^\[\[package.component\]\]/ { end(); inside = 1; next }
        /^[a-z0-9]+ = "/ {
            text = $0; sub(/^[a-z0-9]+ = "/, "", text); sub(/"$/, "", text)
            if (inside) of[$1] = text; else package[$1] = text
        }
        END { end() }
    ' tests/corpus/packages.toml
}

# extract ARCHIVE PATH: the path of the file, which is in a folder of the archive's name.
extract() {
    local folder=$work/files/$1
    mkdir -p "$folder"
    case $1 in
    *.whl)
        python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(*sys.argv[2:])' \
            "$archives/$1" "$2" "$folder"
        ;;
    *) tar -xzf "$archives/$1" -C "$folder" "$2" ;;
    esac || fail "$1 has no $2"
    printf '%s\n' "$folder/$2"
}

# run ARGUMENT…: the program, whose output goes to $work/out and $work/err.
# An end that is neither a result nor a refusal, such as a panic, is a failure: $broken says which.
run() {
    local status=0
    "$tollgate" "$@" >"$work/out" 2>"$work/err" || status=$?
    if [ $status != 0 ] && [ $status != 3 ]; then
        broken="\`tollgate $1\` ended with $status: $(head -n 1 "$work/err")"
    fi
    return $status
}

# The field of the refusal in the last report.
refusal() {
    sed -n '/^  "refusal": {/,/^  }/s/^    "'"$1"'": "\(.*\)",\{0,1\}$/\1/p' "$work/report.json"
}

# Prints a note on the verdict of a component, under its line.
note() {
    printf '%s\n' "    $1" | fold -s -w 112 | sed '2,$s/^/    /'
}

# The complexity that it needs, and the limit of shape of which it has more than a quarter, which is the most that a real
# component is to have (host/component/src/shape/limits.rs). Sets $shape and $over.
measure() {
    shape=- over=''
    # Ten times the limits, so that a refused one has a number too; one that needs more has none.
    run inspect --json --complexity 1000 "$1" || return 0
    shape=$(sed -n 's/^ *"complexity": \([0-9]*\),$/\1/p' "$work/out")
    [ "$shape" -gt 25 ] || return 0
    run inspect --complexity 25 "$1" || over=$(sed -n 's/^error: \(.*\); [0-9]* is the most.*/\1/p' "$work/err")
}

# judge FILE EXPECTED WIT
judge() {
    local file=$1 expected=$2 wit=$3 verdict=compiles seconds policy
    broken='' message=''
    rm -f "$work/report.json"
    # The least policy; where there is none, `compile` says why, of all that is imported.
    if run inspect --emit-policy "$file"; then
        cp "$work/out" "$work/policy.toml"
        policy="--policy $work/policy.toml"
    else
        policy='--grant wasi=inert'
    fi
    local status=0
    # How long it takes is the machine's affair as well: it is noted, and no verdict.
    { time run compile $policy --compile-time 1h --cache "$work/cache" --report "$work/report.json" "$file"; } \
        2>"$work/time" || status=$?
    seconds=$(cat "$work/time")
    if [ $status != 0 ] && [ -z "$broken" ]; then
        verdict=$(refusal kind)
        message=$(refusal message)
        # The report has a list of these; the lines of the error, the reason for each.
        [ "$verdict" != imports ] ||
            message=$(sed -n '/: denied; /d; s/^  \(.*: .*\)/\1/p' "$work/err" | paste -s -d ';' - | sed 's/;/; /g')
    fi
    measure "$file"
    [ -z "$broken" ] || verdict=failed
    printf '  %-58s %8s kB %5s %%  %-13s %6s s\n' "$(basename "$file" | cut -c1-58)" $((($(wc -c <"$file") + 999) / 1000)) \
        "$shape" "$verdict" "$seconds"
    [ -z "$message" ] || note "$message"
    [ "${seconds%.*}" -lt 60 ] || note 'longer than the default `compile-time` of 60 s, on this machine at this moment'
    [ -z "$over" ] || [ "$verdict" = compile-limit ] || note "FAILED: over a quarter of a limit: $over; raise the limit"
    # A valid component can be written as WIT.
    if [ "$verdict" = compiles ] || [ "$verdict" = imports ]; then
        local written=written
        run inspect --wit "$file" || written=refused
        [ $written = written ] || note "$(sed -n '1s/^error: //p' "$work/err")"
        if [ $written != "$wit" ]; then
            note "DIFFERS: \`inspect --wit\` is $written, and $wit in packages.toml"
            differ=$((differ + 1))
        fi
    fi
    if [ -n "$broken" ]; then
        note "FAILED: $broken"
        differ=$((differ + 1))
    elif [ "$verdict" != "$expected" ]; then
        note "DIFFERS: packages.toml has \`$expected\`"
        differ=$((differ + 1))
    elif [ "$verdict" = compile-limit ]; then
        note 'FAILED: a limit refuses a real component'
        differ=$((differ + 1))
    fi
    components=$((components + 1))
    [ "$verdict" != compiles ] || compiled=$((compiled + 1))
    [ -z "$over" ] || near=$((near + 1))
}

wanted() {
    [ $# -gt 1 ] || return 0
    local word
    for word in "${@:2}"; do case $1 in *"$word"*) return 0 ;; esac done
    return 1
}

[ -x "$tollgate" ] || fail "$tollgate is missing; run \`just corpus\`, which builds it"
mkdir -p "$archives"
rm -rf "$work/cache"
components=0 compiled=0 differ=0 near=0 last=''
echo 'Shape: the limit `complexity` that the component needs; the default is 100 %.'
printf '  %-58s %11s %7s  %-13s %8s\n' component size shape verdict time
while IFS=$'\t' read -r registry name version archive digest what path verdict wit; do
    wanted "$name" "$@" || continue
    if [ "$archive" != "$last" ]; then
        fetch "$registry" "$name" "$version" "$digest" "$archives/$archive"
        printf '%s %s, %s: %s\n' "$name" "$version" "$registry" "$what"
        last=$archive
    fi
    judge "$(extract "$archive" "$path")" "$verdict" "$wit"
done < <(list)
# The guests of `just guests-polyglot`, if they are built.
for file in "$guests"/polyglot-*.wasm; do
    [ -f "$file" ] && wanted polyglot "$@" || continue
    [ "$last" = polyglot ] || printf 'polyglot: the providers in Python and JavaScript of guests/polyglot\n'
    last=polyglot
    judge "$file" compiles written
done
[ $components != 0 ] || fail "no package has a name with: $*"
echo
echo "components: $components; compiled: $compiled; with more than a quarter of a limit of shape: $near; different or failed: $differ"
if [ $# = 0 ]; then
    TOLLGATE_CORPUS=$root/$work/files cargo test --quiet --package tollgate-component --lib -- --ignored \
        the_table_has_the_largest_of_the_corpus || fail 'the table of the limits of shape is not what the corpus has'
fi
[ $differ = 0 ] && [ $near = 0 ]
