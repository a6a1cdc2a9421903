-- What is known without a meter of each component that no wider meter replaces: the
-- components, or the whole node where a node or facility meter stands for all of them.
-- One row per run, attempt and component.
with
    unmetered as (select * from {{ ref("int_energy__components_unmetered") }}),
    whole as (select * from {{ ref("int_energy__whole_modelled") }}),
    measured as (select * from {{ ref("int_energy__components_measured") }}),

    -- A node or facility meter stands for all components together.
    attempts_metered_whole as (
        select run_id, attempt, boundary from measured where component = 'all'
    ),

    final as (
        select unmetered.*
        from unmetered
        left join
            attempts_metered_whole
            on unmetered.run_id = attempts_metered_whole.run_id
            and unmetered.attempt = attempts_metered_whole.attempt
        where attempts_metered_whole.run_id is null
        union all
        select
            whole.run_id,
            whole.attempt,
            whole.component,

            whole.energy_method,
            attempts_metered_whole.boundary,
            cast(null as string) as meter,
            cast(null as double) as quantity,
            'whole node' as quantity_unit,
            cast(null as string) as quantity_arithmetic,
            whole.duration_hours,
            cast(null as double) as utilization_ratio,
            cast(null as string) as utilization_origin,
            cast(null as double) as idle_w_per_unit,
            cast(null as double) as max_w_per_unit,
            cast(null as double) as power_w_per_unit,
            cast(null as string) as power_arithmetic,
            'sum of the modelled components, for what no meter covered' as power_basis,
            -- What a facility meter missed is facility energy too.
            whole.it_energy_kwh * case
                when attempts_metered_whole.boundary = 'facility'
                then whole.pue_ratio
                else 1.0
            end as energy_kwh,
            case
                when attempts_metered_whole.boundary = 'facility'
                then concat(whole.it_energy_kwh, ' * ', whole.pue_ratio)
                else cast(whole.it_energy_kwh as string)
            end as energy_arithmetic,
            cast(null as string) as power_factor_key,
            cast(null as string) as power_source_id,
            whole.hardware_origin,
            coalesce(
                whole.missing_reason,
                case
                    when
                        attempts_metered_whole.boundary = 'facility'
                        and whole.pue_ratio is null
                    then 'no_pue'
                end
            ) as missing_reason,
            whole.model_missing_reason,
            whole.calibration_id,
            whole.calibrated_component,
            whole.uncalibrated_method,
            whole.uncalibrated_energy_kwh
        from whole
        inner join
            attempts_metered_whole
            on whole.run_id = attempts_metered_whole.run_id
            and whole.attempt = attempts_metered_whole.attempt
    )

select *
from final
