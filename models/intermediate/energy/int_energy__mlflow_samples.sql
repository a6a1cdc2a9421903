-- Samples of the power of GPUs of MLflow's runs, each instant once, in the attempt that
-- ran then; where several did or none, in the one that MLflow's run lies in. One row
-- per MLflow run, device and instant.
with
    samples as (
        select * from {{ ref("stg_mlflow__system_metrics") }} where power_w is not null
    ),
    identities as (
        select * from {{ ref("int_runs__identities") }} where source = 'mlflow'
    ),
    intervals as (select * from {{ ref("int_runs__intervals") }}),

    samples_once as (
        select
            mlflow_run_id,
            device_name,
            sampled_at_utc,
            max(longest_gap_s) as longest_gap_s,
            {{ exact_sum("power_w") }} / count(*) as power_w
        from samples
        group by mlflow_run_id, device_name, sampled_at_utc
    ),

    -- Of one attempt there is nothing to choose from.
    runs_of_several as (
        select run_id from intervals group by run_id having count(*) > 1
    ),

    intervals_of_several as (
        select intervals.*
        from intervals
        inner join runs_of_several on intervals.run_id = runs_of_several.run_id
    ),

    final as (
        select
            samples_once.mlflow_run_id,
            samples_once.device_name,
            samples_once.sampled_at_utc,

            max(identities.run_id) as run_id,
            coalesce(
                max(
                    case
                        when intervals_of_several.attempt = identities.attempt
                        then identities.attempt
                    end
                ),
                max(intervals_of_several.attempt),
                max(identities.attempt)
            ) as attempt,

            max(samples_once.longest_gap_s) as longest_gap_s,
            max(samples_once.power_w) as power_w
        from samples_once
        inner join
            identities
            on concat('mlflow:', samples_once.mlflow_run_id) = identities.source_run_id
        left join
            intervals_of_several
            on identities.run_id = intervals_of_several.run_id
            and samples_once.sampled_at_utc >= intervals_of_several.started_at_utc
            and samples_once.sampled_at_utc < intervals_of_several.ended_at_utc
        group by
            samples_once.mlflow_run_id,
            samples_once.device_name,
            samples_once.sampled_at_utc
    )

select *
from final
