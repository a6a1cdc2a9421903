-- What the power model alone says of each component, and of all of them together, with
-- what a calibration is looked up by. One row per run, attempt and component whose
-- energy the model knows.
with
    modelled as (select * from {{ ref("int_energy__components_modelled") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),
    accelerators as (select * from {{ ref("int_energy__accelerator_facts") }}),
    attempts as (select * from {{ ref("int_runs__attempts") }}),

    components as (
        select
            run_id,
            attempt,
            component,
            it_energy_kwh,
            quantity,
            utilization_ratio,
            -- Memory draws the same whatever is done with it.
            component = 'memory' or energy_method = 'utilization' as is_load_known,
            quantity
            * coalesce(max_w_per_unit, power_w_per_unit)
            * duration_hours
            / 1000 as nameplate_kwh,
            missing_reason
        from modelled
    ),

    attempts_whole as (
        select
            components.run_id,
            components.attempt,
            'all' as component,
            {{ exact_sum("components.it_energy_kwh") }} as it_energy_kwh,
            max(cast(resources.instance_count as double)) as quantity,
            -- Of several loads, each counts by the power it may call for.
            {{ exact_sum("components.nameplate_kwh * components.utilization_ratio") }}
            / nullif(
                {{
                    exact_sum(
                        "case when components.utilization_ratio is not null then components.nameplate_kwh end"
                    )
                }},
                0
            ) as utilization_ratio,
            min(case when components.is_load_known then 1 else 0 end)
            = 1 as is_load_known,
            {{ exact_sum("components.nameplate_kwh") }} as nameplate_kwh,
            max(components.missing_reason) as missing_reason
        from components
        inner join
            resources
            on components.run_id = resources.run_id
            and components.attempt = resources.attempt
        group by components.run_id, components.attempt
    ),

    subjects as (
        select *
        from components
        union all
        select *
        from attempts_whole
    ),

    final as (
        select
            subjects.run_id,
            subjects.attempt,
            subjects.component,

            coalesce(attempts.job_name, '') as job_key,
            resources.workload_kind,
            case
                when subjects.component = 'accelerator'
                then resources.accelerator_model
                when resources.hardware_key <> '*'
                then
                    resources.provider_code
                    || '/'
                    || coalesce(nullif(resources.site_name, '') || '/', '')
                    || resources.instance_type
            end as hardware,
            case
                subjects.component
                when 'accelerator'
                then accelerators.vendor || ' ' || accelerators.kind
                when 'all'
                then resources.hardware_class
                else resources.cpu_microarchitecture
            end as hardware_family,

            resources.duration_hours,
            subjects.quantity,
            subjects.quantity * resources.duration_hours as unit_hours,
            case
                when subjects.is_load_known then subjects.utilization_ratio
            end as utilization_ratio,
            subjects.is_load_known,
            subjects.it_energy_kwh as modelled_energy_kwh,
            -- A run's error counts relative to what the model says of it, and to a
            -- twentieth of its nameplate where the model says next to nothing.
            greatest(
                subjects.it_energy_kwh, 0.05 * subjects.nameplate_kwh
            ) as weight_energy_kwh
        from subjects
        inner join
            resources
            on subjects.run_id = resources.run_id
            and subjects.attempt = resources.attempt
        inner join
            attempts
            on subjects.run_id = attempts.run_id
            and subjects.attempt = attempts.attempt
        left join
            accelerators on resources.accelerator_model = accelerators.accelerator_model
        where subjects.missing_reason is null and subjects.it_energy_kwh > 0
    )

select *
from final
