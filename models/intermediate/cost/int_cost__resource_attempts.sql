-- Resources of the bill and the attempts that ran on them, found by the surest of their
-- names. A plain name that means several resources means none. One row per resource,
-- run and attempt.
with
    billed_names as (select * from {{ ref("int_cost__billed_names") }}),
    attempt_machines as (select * from {{ ref("int_cost__attempt_machines") }}),

    names as (
        select *, told_name as machine_name
        from attempt_machines
        union all
        select *, {{ cloud_instance_id("told_name") }} as machine_name
        from attempt_machines
        union all
        select
            *,
            concat(
                provider_code,
                '|',
                region,
                '|',
                coalesce(nullif({{ resource_path_end("told_name") }}, ''), told_name)
            ) as machine_name
        from attempt_machines
    ),

    names_found as (
        select
            names.*,
            billed_names.resource_text,
            billed_names.name_rank,
            min(billed_names.name_rank) over (
                partition by names.run_id, names.attempt, names.told_name
            ) as surest_rank
        from names
        inner join billed_names on names.machine_name = billed_names.machine_name
        where names.machine_name <> ''
    ),

    names_counted as (
        select
            *,
            min(resource_text) over (
                partition by run_id, attempt, told_name
            ) as first_resource_text,
            max(resource_text) over (
                partition by run_id, attempt, told_name
            ) as last_resource_text
        from names_found
        where name_rank = surest_rank
    ),

    final as (
        select
            resource_text,
            run_id,
            attempt,

            min(started_at_utc) as started_at_utc,
            max(stopped_at_utc) as stopped_at_utc,

            max(is_own_resource) as is_own_resource,
            max(activity_ratio) as activity_ratio,
            max(machine_accelerators) as machine_accelerators,
            max(machine_vcpus) as machine_vcpus,
            coalesce(max(held_ratio), 1.0) as held_ratio,
            max(held_text) as held_text
        from names_counted
        where name_rank <= 2 or first_resource_text = last_resource_text
        group by resource_text, run_id, attempt
    )

select *
from final
