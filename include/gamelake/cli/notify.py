"""`gamelake notify`: send a trial message to everyone who is told of failed nights."""

from __future__ import annotations


def notify() -> int:
    """Send a trial message to each connection of GAMELAKE_NOTIFY, and print what became of it."""
    from gamelake.airflow.notifications import channels

    named = channels()
    if not named:
        print("GAMELAKE_NOTIFY is not set: no message is sent. See docs/guides/notifications.md.")
        return 1
    from gamelake.cli.store import use_stored_connection

    for channel in named:
        use_stored_connection(channel)
    from gamelake.airflow.bounded import Bound, OutOfTimeError
    from gamelake.airflow.channels import send
    from gamelake.airflow.notifications import BOUND
    from gamelake.incidents.delivery import SendError
    from gamelake.incidents.wording import trial
    from gamelake.settings import read_settings

    text = trial(read_settings().gamelake_notify_language)
    failed = 0
    for channel in named:
        outcome = "sent"
        try:
            with Bound(BOUND):
                send(channel, text, {"id": "trial", "event": "trial"})
        except SendError as error:
            outcome = f"not sent: {error}"
        except OutOfTimeError:
            outcome = f"not sent: no answer within {BOUND:.0f} s"
        failed += outcome != "sent"
        print(f"{channel}: {outcome}")
    return min(failed, 1)
