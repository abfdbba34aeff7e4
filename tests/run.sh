#!/bin/sh
# Runs the tests of the workspace. The tests that fail, if they are few, are run once more, one by one: a machine with much
# else to do is no fault of the project. Those that pass then are named, since each is a test to mend.
set -eu
most=5
log=target/tests.log
mkdir -p target

failed=0
{ cargo test --workspace --quiet --no-fail-fast 2>&1 || echo "failed: $?"; } | tee "$log"
grep -q '^failed: ' "$log" || exit 0

# The list of a test program begins with `failures:` and has four spaces before each name. The catalogue of attacks has no
# such list, and documentation has lines in its names; neither is run again.
names=$(sed -n '/^failures:$/,/^test result/s/^    \([a-z0-9_:]*\)$/\1/p' "$log" | sort -u)
count=$(printf '%s\n' "$names" | grep -c . || true)
programs=$(grep -c '^error: .*to rerun pass' "$log" || true)
if [ "$count" -gt "$most" ] || [ "$programs" -eq 0 ] || [ "$programs" -gt "$count" ] ||
    grep -qE '^error: .*to rerun pass .*(--doc|--test attack)' "$log"; then
    exit 101
fi
for name in $names; do
    echo "once more, alone: $name"
    if cargo test --workspace --quiet --tests -- --exact "$name" >"$log.alone" 2>&1 && grep -q '^test result: ok. 1 passed' "$log.alone"; then
        echo "unsteady: $name failed beside the other tests and passes alone"
    else
        cat "$log.alone"
        failed=101
    fi
done
exit $failed
