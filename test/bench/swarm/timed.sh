#!/bin/bash
# Says that it is ready, waits for a line, runs a command and tells when that began and ended.
echo ready
read -r _
started=$EPOCHREALTIME
"$@" </dev/null
status=$?
echo "done $started $EPOCHREALTIME"
exit $status
