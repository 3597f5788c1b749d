# What the image with the capture of changes has to do, run by `make image` and `make image-steps`: as in sandbox.sh, without network,
# on a read-only root, as the image's user. No database is there: Java starts, and has the classes of Debezium.
set -euo pipefail

test "$(id -u)" != 0
/opt/capture/bin/python - <<'PYTHON'
from apps.change_capture.jvm import java, start_java

start_java()
connector = java("io.debezium.connector.postgresql.PostgresConnector")()
print("Java", java("java.lang.System").getProperty("java.version"), "with Debezium", connector.version())
PYTHON
/opt/capture/bin/python -m apps.change_capture --help > /tmp/help
echo "== the capture starts"
