-- What the model says of each component that no wider meter replaces: the modelled
-- components, or the whole node where a node or facility meter stands for all of them.
-- One row per run, attempt and component.
with
    modelled as (select * from {{ ref("int_energy__components_modelled") }}),
    modelled_whole as (select * from {{ ref("int_energy__whole_modelled") }}),
    measured as (select * from {{ ref("int_energy__components_measured") }}),

    -- A node or facility meter stands for all components together.
    attempts_metered_whole as (
        select run_id, attempt, boundary from measured where component = 'all'
    ),

    candidates as (
        select
            modelled.run_id,
            modelled.attempt,
            modelled.component,
            modelled.energy_method,
            modelled.quantity,
            modelled.quantity_unit,
            modelled.quantity_arithmetic,
            modelled.duration_hours,
            modelled.utilization_ratio,
            modelled.utilization_origin,
            modelled.idle_w_per_unit,
            modelled.max_w_per_unit,
            modelled.power_w_per_unit,
            modelled.power_arithmetic,
            modelled.power_basis,
            modelled.it_energy_kwh as modelled_energy_kwh,
            concat(
                modelled.quantity,
                ' * ',
                modelled.power_w_per_unit,
                ' * ',
                modelled.duration_hours,
                ' / 1000'
            ) as modelled_arithmetic,
            modelled.power_factor_key,
            modelled.power_source_id,
            modelled.hardware_origin,
            modelled.missing_reason
        from modelled
        left join attempts_metered_whole using (run_id, attempt)
        where attempts_metered_whole.run_id is null
        union all
        select
            run_id,
            attempt,
            component,
            modelled_whole.energy_method,
            cast(null as double) as quantity,
            'whole node' as quantity_unit,
            cast(null as string) as quantity_arithmetic,
            modelled_whole.duration_hours,
            cast(null as double) as utilization_ratio,
            cast(null as string) as utilization_origin,
            cast(null as double) as idle_w_per_unit,
            cast(null as double) as max_w_per_unit,
            cast(null as double) as power_w_per_unit,
            cast(null as string) as power_arithmetic,
            'sum of the modelled components, for what no meter covered' as power_basis,
            -- What a facility meter missed is facility energy too.
            modelled_whole.it_energy_kwh * case
                when attempts_metered_whole.boundary = 'facility'
                then modelled_whole.pue_ratio
                else 1.0
            end as modelled_energy_kwh,
            case
                when attempts_metered_whole.boundary = 'facility'
                then
                    concat(
                        modelled_whole.it_energy_kwh, ' * ', modelled_whole.pue_ratio
                    )
                else cast(modelled_whole.it_energy_kwh as string)
            end as modelled_arithmetic,
            cast(null as string) as power_factor_key,
            cast(null as string) as power_source_id,
            modelled_whole.hardware_origin,
            coalesce(
                modelled_whole.missing_reason,
                case
                    when
                        attempts_metered_whole.boundary = 'facility'
                        and modelled_whole.pue_ratio is null
                    then 'no_pue'
                end
            ) as missing_reason
        from modelled_whole
        inner join attempts_metered_whole using (run_id, attempt)
    )

select *
from candidates
