-- Runs that CodeCarbon tracked. A tracker that flushes writes rows that go on from each
-- other: the one furthest along tells. Tasks are parts of their run: they are added up
-- where no row tells of the whole. One row per tracked run.
with
    emissions as (select * from {{ ref("stg_codecarbon__emissions") }}),

    emissions_ranked as (
        select
            *,
            {{ add_seconds("written_at_utc", "-duration_s") }} as started_at_utc,
            min(case when task_name is null then 0 else 1 end) over (
                partition by tracker_run_id
            ) as only_tasks,
            row_number() over (
                partition by
                    tracker_run_id,
                    task_name,
                    -- A task that runs again is another part.
                    case when task_name is not null then written_at_utc end
                order by
                    duration_s desc,
                    received_at_utc desc,
                    delivery_id,
                    source_file,
                    source_row
            ) as copy_rank
        from emissions
    ),

    parts as (
        select
            *,
            row_number() over (
                partition by tracker_run_id
                order by written_at_utc, delivery_id, source_file, source_row
            ) as part_rank
        from emissions_ranked
        where copy_rank = 1 and (task_name is null or only_tasks = 1)
    ),

    final as (
        select
            tracker_run_id,
            concat('codecarbon:', tracker_run_id) as source_run_id,
            max(experiment_id) as experiment_id,

            min(started_at_utc) as started_at_utc,
            max(written_at_utc) as ended_at_utc,

            {% for column in [
                "project_name",
                "cloud_provider",
                "cloud_region",
                "site_name",
                "tracking_mode",
                "gpu_model",
                "cpu_counter",
                "vcpus",
                "memory_gib",
                "gpu_count",
                "cpu_utilization_ratio",
                "gpu_utilization_ratio",
            ] %}
                {{ last_known(column, "part_rank") }} as {{ column }},
            {% endfor %}

            -- Between tasks nothing was tracked.
            {{ exact_sum("duration_s") }} as duration_s,
            {{ exact_sum("cpu_energy_kwh") }} as cpu_energy_kwh,
            {{ exact_sum("gpu_energy_kwh") }} as gpu_energy_kwh,
            {{ exact_sum("ram_energy_kwh") }} as ram_energy_kwh,
            {{ exact_sum("energy_consumed_kwh") }} as energy_consumed_kwh,

            {{ last_known("source_file", "part_rank") }} as source_file,
            {{ last_known("source_row", "part_rank") }} as source_row,
            {{ last_known("delivery_id", "part_rank") }} as delivery_id,
            {{ last_known("received_at_utc", "part_rank") }} as received_at_utc
        from parts
        group by tracker_run_id
    )

select *
from final
