-- How long at least one child of a parent run ran. One row per parent run.
with
    children as (select * from {{ ref("int_runs__mlflow_children") }}),

    points as (
        select parent_mlflow_run_id, from_at_utc as at_utc, 1 as change
        from children
        union all
        select parent_mlflow_run_id, to_at_utc as at_utc, -1 as change
        from children
    ),

    points_once as (
        select parent_mlflow_run_id, at_utc, sum(change) as change
        from points
        group by parent_mlflow_run_id, at_utc
    ),

    points_in_order as (
        select
            parent_mlflow_run_id,
            at_utc,
            sum(change) over (
                partition by parent_mlflow_run_id order by at_utc
            ) as children,
            lead(at_utc) over (
                partition by parent_mlflow_run_id order by at_utc
            ) as next_at_utc
        from points_once
    ),

    final as (
        select
            parent_mlflow_run_id as mlflow_run_id,
            {{
                exact_sum(
                    epoch_s("next_at_utc") ~ " - " ~ epoch_s("at_utc"),
                    scale=6,
                )
            }} as children_s
        from points_in_order
        where children > 0
        group by parent_mlflow_run_id
    )

select *
from final
