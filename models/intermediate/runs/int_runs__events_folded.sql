-- Started, heartbeat and finished events folded to what is known of the attempt. A
-- value is the last one that was reported; a utilisation is the mean over time. One row
-- per run and attempt.
with
    events as (select * from {{ ref("int_runs__events_once") }}),

    events_in_order as (
        select
            *,
            row_number() over (
                partition by run_id, attempt
                -- What `finished` says stands, however late a heartbeat arrives.
                order by
                    case event_type when 'finished' then 1 else 0 end,
                    event_at_utc,
                    case event_type when 'started' then 0 else 1 end,
                    event_id
            ) as event_rank,
            -- A utilisation is the mean since the event before, or since the start.
            epoch_seconds - coalesce(
                lag(epoch_seconds) over (
                    partition by run_id, attempt
                    order by
                        event_at_utc,
                        case
                            event_type
                            when 'started'
                            then 0
                            when 'heartbeat'
                            then 1
                            else 2
                        end,
                        event_id
                ),
                {{ epoch_s("started_at_utc") }},
                epoch_seconds - duration_s
            ) as interval_s
        from
            (
                select
                    *,
                    {{ epoch_s("event_at_utc") }} as epoch_seconds,
                    case
                        when event_type = 'finished' then status
                    end as finished_status,
                    case
                        when event_type = 'finished' then duration_s
                    end as finished_duration_s
                from events
            ) as events_told
    ),

    events_weighted as (
        select *, case when interval_s > 0 then interval_s else 1.0 end as weight_s
        from events_in_order
    ),

    attempts_folded as (
        select
            run_id,
            attempt,

            {{ last_known("job_name", "event_rank") }} as job_name,
            {{ last_known("finished_status", "event_rank") }} as finished_status,
            max(case when event_type = 'finished' then 1 else 0 end) as finished_events,
            {{ last_known("owner", "event_rank") }} as owner,
            {{ last_known("team", "event_rank") }} as team,
            {{ last_known("project", "event_rank") }} as project,
            {{ last_known("environment", "event_rank") }} as workload_environment,
            {{ last_known("pipeline", "event_rank") }} as pipeline,
            {{ last_known("step", "event_rank") }} as step,
            {{ last_known("workload_kind", "event_rank") }} as workload_kind,
            {{ last_known("model_name", "event_rank") }} as model_name,
            {{ last_known("model_version", "event_rank") }} as model_version,
            {{ last_known("dataset_name", "event_rank") }} as dataset_name,
            {{ last_known("dataset_version", "event_rank") }} as dataset_version,
            {{ last_known("dataset_rows", "event_rank") }} as dataset_rows,
            {{ last_known("git_commit", "event_rank") }} as git_commit,
            {{ last_known("provider_code", "event_rank") }} as provider_code,
            {{ last_known("region", "event_rank") }} as region,
            {{ last_known("zone", "event_rank") }} as zone,
            {{ last_known("instance_type", "event_rank") }} as instance_type,
            {{ last_known("instance_count", "event_rank") }} as instance_count,
            {{ last_known("resource_id", "event_rank") }} as resource_id,
            {{ last_known("vcpus", "event_rank") }} as vcpus,
            {{ last_known("memory_gib", "event_rank") }} as memory_gib,
            {{ last_known("accelerator_model", "event_rank") }} as accelerator_model,
            {{ last_known("accelerator_count", "event_rank") }} as accelerator_count,
            {{ last_known("accelerator_share", "event_rank") }} as accelerator_share,
            {{ last_known("tpu_topology", "event_rank") }} as tpu_topology,

            {{ last_known("started_at_utc", "event_rank") }} as reported_started_at_utc,
            min(
                case when event_type = 'started' then event_at_utc end
            ) as started_event_at_utc,
            {{ last_known("ended_at_utc", "event_rank") }} as reported_ended_at_utc,
            max(event_at_utc) as last_event_at_utc,
            {{ last_known("finished_duration_s", "event_rank") }}
            as finished_duration_s,
            {{ last_known("duration_s", "event_rank") }} as reported_duration_s,

            {{ exact_sum("cpu_utilization_ratio * weight_s") }}
            / {{
                exact_sum(
                    "case when cpu_utilization_ratio is not null then weight_s end"
                )
            }} as cpu_utilization_ratio,
            {{ exact_sum("accelerator_utilization_ratio * weight_s") }}
            /
            {{
                exact_sum(
                    "case when accelerator_utilization_ratio is not null then weight_s end"
                )
            }}
            as accelerator_utilization_ratio,

            {{ last_known("source_file", "event_rank") }} as source_file,
            {{ last_known("source_row", "event_rank") }} as source_row,
            {{ last_known("delivery_id", "event_rank") }} as delivery_id,
            {{ last_known("received_at_utc", "event_rank") }} as received_at_utc
        from events_weighted
        group by run_id, attempt
    )

select *
from attempts_folded
