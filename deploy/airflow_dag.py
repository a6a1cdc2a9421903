"""The night as an Airflow DAG: one idempotent command, never two at once."""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

OBSERVATORY = (
    "/opt/observatory/.venv/bin/observatory --config /etc/observatory/observatory.toml refresh"
)

with DAG(
    dag_id="observatory_refresh",
    description="What each ML run used, emitted and cost: the night",
    schedule="15 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["observatory"],
) as dag:
    # Exit code 3 is published with a warning: the task is shown as skipped, not failed.
    BashOperator(
        task_id="refresh",
        bash_command=OBSERVATORY,
        skip_on_exit_code=3,
        append_env=True,
        retries=1,
        retry_delay=timedelta(minutes=15),
        execution_timeout=timedelta(hours=6),
    )
