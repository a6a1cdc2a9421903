-- Software carbon intensity of runs (ISO/IEC 21031): operational and embodied emissions
-- per functional unit. A run without a functional unit has one row that says so. One
-- row per run and KPI.
with
    runs as (select * from {{ ref("int_runs__runs") }}),
    units as (select * from {{ ref("int_kpi__functional_units") }}),

    runs_judged as (
        select
            runs.run_id,
            units.kpi_name,
            units.kpi_unit,
            units.kpi_direction,
            units.metric_name,
            units.functional_units,
            runs.emissions_location_g_co2e,
            runs.emissions_embodied_g_co2e,
            case
                when units.kpi_name is null
                then 'no_functional_unit'
                when units.functional_units = 0
                then 'zero_functional_units'
                when units.functional_units < 0
                then 'negative_functional_units'
                when runs.emissions_location_g_co2e is null
                then runs.missing_reason
                when runs.emissions_embodied_g_co2e is null
                then runs.missing_embodied_reason
            end as missing_reason
        from runs
        left join units on runs.run_id = units.run_id
    ),

    final as (
        select
            run_id,
            kpi_name,
            kpi_unit,

            functional_units,
            emissions_location_g_co2e,
            emissions_embodied_g_co2e,
            case
                when missing_reason is null
                then
                    (emissions_location_g_co2e + emissions_embodied_g_co2e)
                    / functional_units
            end as sci_g_co2e_per_unit,

            kpi_direction,
            metric_name,
            case
                when missing_reason is null
                then
                    concat(
                        '(',
                        emissions_location_g_co2e,
                        ' + ',
                        emissions_embodied_g_co2e,
                        ') / ',
                        functional_units
                    )
            end as arithmetic,
            missing_reason
        from runs_judged
    )

select *
from final
