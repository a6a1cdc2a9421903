-- The calibration that carries most of a run's energy. One row per run that has one.
with
    components as (select * from {{ ref("int_energy__components") }}),

    calibrations_summed as (
        select run_id, calibration_id, {{ exact_sum("energy_kwh") }} as energy_kwh
        from components
        where calibration_id is not null and energy_kwh is not null
        group by run_id, calibration_id
    ),

    calibrations_ranked as (
        select
            *,
            row_number() over (
                partition by run_id order by energy_kwh desc, calibration_id
            ) as share_rank
        from calibrations_summed
    ),

    final as (
        select run_id, calibration_id from calibrations_ranked where share_rank = 1
    )

select *
from final
