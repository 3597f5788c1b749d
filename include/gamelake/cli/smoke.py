"""`gamelake smoke`: after a deployment, one question to the Airflow that was deployed."""

from __future__ import annotations

from typing import Annotated

import typer


def _address(url: str) -> str:
    """Return an address that a login may be sent to. Raises: typer.BadParameter."""
    from gamelake.maintenance.smoke import SmokeError, check_address

    try:
        check_address(url)
    except SmokeError as error:
        raise typer.BadParameter(str(error)) from error
    return url


def smoke(
    url: Annotated[
        str,
        typer.Argument(metavar="URL", callback=_address, show_default=False, help="The address of Airflow's web UI."),
    ],
    user: Annotated[str, typer.Option(help="The user; AIRFLOW_PASSWORD has the password.")] = "admin",
    wait: Annotated[int, typer.Option(min=0, max=3600, help="Seconds for the DAG processor to parse all DAGs.")] = 180,
    secrets_backend: Annotated[
        bool, typer.Option("--secrets-backend", help="Connections may be in a secrets backend.")
    ] = False,
) -> int:
    """Check a deployed Airflow: DAGs, connections, pools, the newest night, the marts."""
    from gamelake.maintenance.smoke import Deployment, Status
    from gamelake.settings import read_settings

    settings = read_settings()
    with Deployment(url, user=user, password=settings.airflow_password, token=settings.airflow_token) as deployment:
        findings = deployment.check(wait_seconds=wait, secrets_backend=secrets_backend)
    for finding in findings:
        print(f"{finding.status:<7} {finding.subject:<12} {finding.text}")
    failed = sum(finding.status is Status.FAILED for finding in findings)
    print(f"\n{failed} of {len(findings)} checks failed." if failed else "\nNothing failed.")
    return int(failed > 0)
