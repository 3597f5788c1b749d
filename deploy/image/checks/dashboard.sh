# What the image with the dashboard has to do, run by `make image` and `make image-steps`: as in sandbox.sh, without network, on a
# read-only root, as the image's user. The lake is empty: its page tells so.
set -euo pipefail

export GAMELAKE_URI=file:///tmp/lake

test "$(id -u)" != 0
/opt/dashboard/bin/python -m apps.dashboard > /tmp/dashboard.log 2>&1 &
for _ in $(seq 60); do
    if python -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:8501/_stcore/health")' 2> /tmp/no-answer; then
        echo "== the dashboard answers"
        exit 0
    fi
    sleep 1
done
cat /tmp/dashboard.log
echo "the dashboard did not answer within a minute"
exit 1
