-- Modelled and metered figures of each component side by side. A node or facility
-- meter stands for
-- all components together. One row per run, attempt and component.
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
    ),

    final as (
        select
            coalesce(candidates.run_id, measured.run_id) as run_id,
            coalesce(candidates.attempt, measured.attempt) as attempt,
            coalesce(candidates.component, measured.component) as component,

            case
                when
                    coalesce(measured.covered_ratio, 0) < 0.95
                    and candidates.missing_reason is not null
                then 'missing'
                when measured.covered_ratio >= 0.95
                then 'measured'
                when measured.measured_energy_kwh is not null
                then 'measured_partial'
                else candidates.energy_method
            end as energy_method,
            coalesce(measured.boundary, 'component') as boundary,
            measured.meter,

            coalesce(measured.covered_ratio, 0.0) as covered_ratio,
            measured.measured_energy_kwh,
            candidates.modelled_energy_kwh,
            candidates.modelled_arithmetic,
            candidates.quantity,
            candidates.quantity_unit,
            candidates.quantity_arithmetic,
            candidates.duration_hours,
            candidates.utilization_ratio,
            candidates.utilization_origin,
            candidates.idle_w_per_unit,
            candidates.max_w_per_unit,
            candidates.power_w_per_unit,
            candidates.power_arithmetic,
            candidates.power_basis,

            candidates.power_factor_key,
            candidates.power_source_id,
            candidates.hardware_origin,
            -- Where a meter leaves a hole and no model fills it, the whole is unknown.
            case
                when coalesce(measured.covered_ratio, 0) < 0.95
                then candidates.missing_reason
            end as missing_reason
        from candidates
        full outer join
            measured
            on candidates.run_id = measured.run_id
            and candidates.attempt = measured.attempt
            and candidates.component = measured.component
    )

select *
from final
