-- The time of a parent run that is its children's: where both have samples of GPUs, or
-- the parent has none. One row per child run.
with
    runs as (select * from {{ ref("int_runs__mlflow_runs") }}),
    samples as (select * from {{ ref("stg_mlflow__system_metrics") }}),

    runs_sampled as (
        select mlflow_run_id
        from samples
        where power_w is not null
        group by mlflow_run_id
    ),

    final as (
        select
            children.mlflow_run_id,
            parents.mlflow_run_id as parent_mlflow_run_id,

            greatest(children.started_at_utc, parents.started_at_utc) as from_at_utc,
            least(children.known_until_at_utc, parents.known_until_at_utc) as to_at_utc
        from runs as children
        inner join
            runs as parents on children.parent_mlflow_run_id = parents.mlflow_run_id
        left join
            runs_sampled as children_sampled
            on children.mlflow_run_id = children_sampled.mlflow_run_id
        left join
            runs_sampled as parents_sampled
            on parents.mlflow_run_id = parents_sampled.mlflow_run_id
        where
            children.mlflow_run_id <> parents.mlflow_run_id
            and children.started_at_utc < parents.known_until_at_utc
            and children.known_until_at_utc > parents.started_at_utc
            and (
                children_sampled.mlflow_run_id is not null
                or parents_sampled.mlflow_run_id is null
            )
    )

select *
from final
