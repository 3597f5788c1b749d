# A stand-in for Apache's Airflow image, for machines that reach Debian's and PyPI's packages but no image registry.
#
# It has what the project's Dockerfile needs: Debian 12, Airflow with its providers in /home/airflow/.local without
# bytecode, the user 50000 of group 0, /opt/airflow. Python is Debian's 3.11, not 3.12. Providers that need a compiler
# or are very large are left out.
FROM scratch

# Made by `make image-steps`: debootstrap's root file system.
ADD debian.tar /

# pip and uv use Debian's trust store.
ENV PATH=/home/airflow/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    VIRTUAL_ENV=/home/airflow/.local \
    AIRFLOW_HOME=/opt/airflow \
    LANG=C.UTF-8 \
    UV_CACHE_DIR=/tmp/.cache/uv \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt

# The date is the day after Airflow 3.3.2 was released. With the packages of that day the versions are close to those of
# the real image: pathspec 1.1.1 and apache-airflow-providers-amazon 9.36.0, as in the constraints of Airflow.
ARG UV_VERSION=0.13.9
RUN adduser --quiet --disabled-password --gecos '' --uid 50000 --gid 0 --home /home/airflow airflow \
    && mkdir -p /opt/airflow/dags /opt/airflow/logs \
    && python3 -m venv /tmp/uv \
    && /tmp/uv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}" \
    && python3 -m venv --without-pip "${VIRTUAL_ENV}" \
    && /tmp/uv/bin/uv pip install --quiet --no-cache --exclude-newer 2026-09-18 "apache-airflow[aiobotocore,amazon,async,celery,cncf-kubernetes,common-io,docker,elasticsearch,fab,git,google-auth,hashicorp,http,openlineage,pandas,postgres,redis,sendgrid,sftp,slack,ssh,statsd,uv]==3.3.2" \
    && find "${VIRTUAL_ENV}" -name '*.pyc' -delete \
    && rm -r /tmp/uv \
    && chown -R 50000:0 /home/airflow /opt/airflow

WORKDIR /opt/airflow
USER 50000:0
