-- Attempts known from run events, with their interval settled. One row per run and
-- attempt.
with
    attempts as (select * from {{ ref("int_runs__events_folded") }}),

    attempts_started as (
        select
            *,
            coalesce(
                reported_started_at_utc,
                started_event_at_utc,
                {{
                    add_seconds(
                        "coalesce(reported_ended_at_utc, last_event_at_utc)",
                        "-reported_duration_s",
                    )
                }}
            ) as started_at_utc
        from attempts
    ),

    attempts_told as (
        select
            *,
            coalesce(
                finished_duration_s,
                case
                    when finished_events > 0
                    then
                        {{ epoch_s("reported_ended_at_utc") }}
                        - {{ epoch_s("started_at_utc") }}
                end,
                reported_duration_s,
                -- A start alone tells no duration.
                nullif(
                    {{ epoch_s("last_event_at_utc") }}
                    - {{ epoch_s("started_at_utc") }},
                    0
                )
            ) as told_duration_s
        from attempts_started
    ),

    attempts_timed as (
        select
            *,
            -- Clocks of different machines differ: no run lasts less than no time.
            case
                when told_duration_s < 0 then 0.0 else told_duration_s
            end as duration_s
        from attempts_told
    ),

    final as (
        select
            'run_events' as source,
            run_id,
            attempt,
            run_id as source_run_id,

            started_at_utc,
            case
                when finished_events > 0
                then
                    greatest(
                        started_at_utc,
                        coalesce(
                            reported_ended_at_utc,
                            {{ add_seconds("started_at_utc", "duration_s") }}
                        )
                    )
            end as ended_at_utc,
            greatest(started_at_utc, last_event_at_utc) as seen_until_utc,

            job_name,
            case
                when finished_events = 0 then 'running' else finished_status
            end as status,
            owner,
            team,
            project,
            workload_environment,
            pipeline,
            step,
            workload_kind,
            model_name,
            model_version,
            dataset_name,
            dataset_version,
            dataset_rows,
            git_commit,
            provider_code,
            region,
            zone,
            instance_type,
            instance_count,
            resource_id,
            vcpus,
            memory_gib,
            accelerator_model,
            accelerator_count,
            accelerator_share,
            tpu_topology,

            duration_s,
            cpu_utilization_ratio,
            accelerator_utilization_ratio,
            cast(null as double) as allocated_cpu_s,
            cast(null as double) as used_cpu_s,

            source_file,
            source_row,
            delivery_id,
            received_at_utc
        from attempts_timed
    )

select *
from final
