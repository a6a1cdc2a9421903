-- The best figure for each component: what was metered, and the model for what was not.
-- One row per run, attempt and component.
with
    modelled as (select * from {{ ref("int_energy__components_modelled") }}),
    measured as (select * from {{ ref("int_energy__components_measured") }}),

    -- A node or facility meter stands for all components together.
    attempts_metered_whole as (
        select run_id, attempt, boundary from measured where component = 'all'
    ),

    modelled_whole as (
        select
            run_id,
            attempt,
            'all' as component,
            case
                when max(missing_reason) is not null
                then 'missing'
                when max(case when energy_method = 'utilization' then 1 else 0 end) = 1
                then 'utilization'
                else 'allocation'
            end as energy_method,
            max(duration_hours) as duration_hours,
            case
                when max(missing_reason) is null then {{ exact_sum("it_energy_kwh") }}
            end as it_energy_kwh,
            max(hardware_origin) as hardware_origin,
            max(missing_reason) as missing_reason
        from modelled
        group by run_id, attempt
    ),

    candidates as (
        select
            modelled.run_id,
            modelled.attempt,
            modelled.component,
            modelled.energy_method,
            modelled.quantity,
            modelled.quantity_unit,
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
            modelled_whole.duration_hours,
            cast(null as double) as utilization_ratio,
            cast(null as string) as utilization_origin,
            cast(null as double) as idle_w_per_unit,
            cast(null as double) as max_w_per_unit,
            cast(null as double) as power_w_per_unit,
            cast(null as string) as power_arithmetic,
            'sum of the modelled components, for what no meter covered' as power_basis,
            modelled_whole.it_energy_kwh as modelled_energy_kwh,
            cast(modelled_whole.it_energy_kwh as string) as modelled_arithmetic,
            cast(null as string) as power_factor_key,
            cast(null as string) as power_source_id,
            modelled_whole.hardware_origin,
            modelled_whole.missing_reason
        from modelled_whole
        inner join attempts_metered_whole using (run_id, attempt)
    ),

    candidates_compared as (
        select
            coalesce(candidates.run_id, measured.run_id) as run_id,
            coalesce(candidates.attempt, measured.attempt) as attempt,
            coalesce(candidates.component, measured.component) as component,

            case
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
            case
                when measured.measured_energy_kwh is null then candidates.missing_reason
            end as missing_reason
        from candidates
        full outer join
            measured
            on candidates.run_id = measured.run_id
            and candidates.attempt = measured.attempt
            and candidates.component = measured.component
    ),

    -- RAPL sees packages and DRAM, the model the whole server: the difference is
    -- fans, board and
    -- power supply, as far as the meters reach.
    others as (
        select
            run_id,
            attempt,
            {{ exact_sum("covered_ratio * coalesce(modelled_energy_kwh, 0.0)") }}
            as server_energy_kwh,
            {{ exact_sum("measured_energy_kwh") }} as chip_energy_kwh,
            max(duration_hours) as duration_hours,
            max(hardware_origin) as hardware_origin
        from candidates_compared
        where
            component in ('cpu', 'memory')
            and boundary = 'component'
            and measured_energy_kwh is not null
        group by run_id, attempt
        having max(case when component = 'cpu' then modelled_energy_kwh end) is not null
    ),

    components as (
        select *
        from candidates_compared
        union all
        select
            run_id,
            attempt,
            'other' as component,
            'allocation' as energy_method,
            'component' as boundary,
            cast(null as string) as meter,
            0.0 as covered_ratio,
            cast(null as double) as measured_energy_kwh,
            greatest(server_energy_kwh - chip_energy_kwh, 0.0) as modelled_energy_kwh,
            case
                when server_energy_kwh > chip_energy_kwh
                then concat(server_energy_kwh, ' - ', chip_energy_kwh)
                else '0'
            end as modelled_arithmetic,
            cast(null as double) as quantity,
            'fans, board and power supply' as quantity_unit,
            duration_hours,
            cast(null as double) as utilization_ratio,
            cast(null as string) as utilization_origin,
            cast(null as double) as idle_w_per_unit,
            cast(null as double) as max_w_per_unit,
            cast(null as double) as power_w_per_unit,
            cast(null as string) as power_arithmetic,
            'whole-server model less what the chips metered' as power_basis,
            cast(null as string) as power_factor_key,
            cast(null as string) as power_source_id,
            hardware_origin,
            cast(null as string) as missing_reason
        from others
    ),

    final as (
        select
            *,
            case
                when measured_energy_kwh is null
                then modelled_energy_kwh
                else
                    measured_energy_kwh
                    + coalesce((1 - covered_ratio) * modelled_energy_kwh, 0.0)
            end as energy_kwh,
            case
                when measured_energy_kwh is null
                then modelled_arithmetic
                when modelled_energy_kwh is null or covered_ratio = 1
                then cast(measured_energy_kwh as string)
                else
                    concat(
                        measured_energy_kwh,
                        ' + (1 - ',
                        covered_ratio,
                        ') * ',
                        modelled_arithmetic
                    )
            end as energy_arithmetic,
            concat(
                'measured: ',
                case
                    when measured_energy_kwh is null
                    then 'no meter reported'
                    else concat(meter, ' covers ', round(covered_ratio * 100, 1), ' %')
                end,
                '; calibrated: no calibration; utilization: ',
                case
                    when energy_method = 'utilization'
                    then 'taken'
                    when utilization_origin like 'default%'
                    then 'no utilisation reported'
                    when utilization_origin is not null
                    then concat('known from ', utilization_origin)
                    else 'does not apply'
                end,
                '; allocation: ',
                case
                    when energy_method = 'allocation'
                    then 'taken'
                    when energy_method = 'missing'
                    then coalesce(missing_reason, 'not possible')
                    else 'not needed'
                end
            ) as rungs_considered
        from components
    )

select *
from final
