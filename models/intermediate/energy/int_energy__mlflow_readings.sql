-- What the GPUs of MLflow's runs used, by trapezoid between samples of their power.
-- Over a longer gap than the settings allow nothing is known; what a parent's samples
-- tell while a child runs is the child's. One row per run, device and time without a
-- gap.
with
    samples as (select * from {{ ref("int_energy__mlflow_samples") }}),
    children as (select * from {{ ref("int_runs__mlflow_children") }}),

    points as (
        select
            mlflow_run_id,
            device_name,
            sampled_at_utc as at_utc,
            run_id,
            attempt,
            longest_gap_s,
            power_w,
            0 as change
        from samples
        union all
        select
            parent_mlflow_run_id as mlflow_run_id,
            null as device_name,
            from_at_utc as at_utc,
            null as run_id,
            null as attempt,
            null as longest_gap_s,
            null as power_w,
            1 as change
        from children
        union all
        select
            parent_mlflow_run_id as mlflow_run_id,
            null as device_name,
            to_at_utc as at_utc,
            null as run_id,
            null as attempt,
            null as longest_gap_s,
            null as power_w,
            -1 as change
        from children
    ),

    points_of_parents as (
        select
            *, sum(change) over (partition by mlflow_run_id order by at_utc) as children
        from points
    ),

    samples_in_order as (
        select
            *,
            {{ epoch_s("at_utc") }} as at_s,
            lag({{ epoch_s("at_utc") }}) over (
                partition by mlflow_run_id, device_name order by at_utc
            ) as before_s,
            lag(power_w) over (
                partition by mlflow_run_id, device_name order by at_utc
            ) as before_w,
            lag(attempt) over (
                partition by mlflow_run_id, device_name order by at_utc
            ) as attempt_before,
            lag(children) over (
                partition by mlflow_run_id, device_name order by at_utc
            ) as children_before
        from points_of_parents
        where device_name is not null
    ),

    samples_joined as (
        select
            *,
            before_s is not null
            and at_s - before_s <= longest_gap_s
            and attempt = attempt_before
            and children = 0
            and children_before = 0 as is_joined
        from samples_in_order
    ),

    stretches as (
        select
            *,
            sum(case when is_joined then 0 else 1 end) over (
                partition by mlflow_run_id, device_name
                order by at_s
                rows between unbounded preceding and current row
            ) as stretch
        from samples_joined
    ),

    final as (
        select
            mlflow_run_id,
            run_id,
            attempt,
            device_name,

            min(at_utc) as from_at_utc,
            max(at_utc) as to_at_utc,

            {{
                exact_sum(
                    "case when is_joined then (power_w + before_w) / 2 * (at_s - before_s) end"
                )
            }}
            as energy_j
        from stretches
        group by mlflow_run_id, run_id, attempt, device_name, stretch
        having count(*) > 1
    )

select *
from final
