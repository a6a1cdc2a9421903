-- The best figure for each component; of an attempt of which nothing but the cost is
-- known, what its spend is worth. One row per run, attempt and component.
with
    components as (select * from {{ ref("int_energy__components_known") }}),
    attempts as (select * from {{ ref("int_runs__resources") }}),
    spend as (
        select * from {{ ref("int_energy__run_spend") }} where it_energy_kwh is not null
    ),

    attempts_unknown as (
        select run_id, attempt, min(missing_reason) as model_missing_reason
        from components
        group by run_id, attempt
        having max(missing_reason) is not null and max(measured_energy_kwh) is null
    ),

    -- The bill knows runs, not attempts.
    attempts_in_time as (
        select
            run_id,
            attempt,
            duration_hours,
            duration_hours / nullif(
                sum(cast(duration_hours as decimal(38, 18))) over (partition by run_id),
                0
            ) as fraction_of_run
        from attempts
    ),

    attempts_spent as (
        select
            attempts_unknown.*,
            attempts_in_time.duration_hours,
            attempts_in_time.fraction_of_run,
            spend.effective_cost,
            spend.billing_currency,
            spend.it_energy_kwh,
            spend.energy_arithmetic,
            spend.basis
        from attempts_unknown
        inner join
            attempts_in_time
            on attempts_unknown.run_id = attempts_in_time.run_id
            and attempts_unknown.attempt = attempts_in_time.attempt
        inner join spend on attempts_unknown.run_id = spend.run_id
        where attempts_in_time.fraction_of_run > 0
    ),
    final as (
        select components.*
        from components
        left join
            attempts_spent
            on components.run_id = attempts_spent.run_id
            and components.attempt = attempts_spent.attempt
        where attempts_spent.run_id is null
        union all
        select
            run_id,
            attempt,
            'all' as component,
            'spend' as energy_method,
            'node' as boundary,
            cast(null as string) as meter,
            0.0 as covered_ratio,
            cast(null as double) as measured_energy_kwh,
            cast(null as double) as devices_energy_kwh,
            'spend' as modelled_method,
            it_energy_kwh * fraction_of_run as modelled_energy_kwh,
            cast(null as string) as calibration_id,
            cast(null as string) as calibrated_component,
            'spend' as uncalibrated_method,
            it_energy_kwh * fraction_of_run as uncalibrated_energy_kwh,
            concat(
                '(', energy_arithmetic, ') * ', fraction_of_run
            ) as modelled_arithmetic,
            effective_cost as quantity,
            billing_currency as quantity_unit,
            cast(null as string) as quantity_arithmetic,
            duration_hours,
            cast(null as double) as utilization_ratio,
            cast(null as string) as utilization_origin,
            cast(null as double) as idle_w_per_unit,
            cast(null as double) as max_w_per_unit,
            cast(null as double) as power_w_per_unit,
            cast(null as string) as power_arithmetic,
            basis as power_basis,
            cast(null as string) as power_factor_key,
            cast(null as string) as power_source_id,
            cast(null as string) as hardware_origin,
            cast(null as string) as missing_reason,
            model_missing_reason,
            it_energy_kwh * fraction_of_run as energy_kwh,
            concat('(', energy_arithmetic, ') * ', fraction_of_run) as energy_arithmetic
        from attempts_spent
    )

select *
from final
