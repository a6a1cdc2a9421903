-- Model and meter side by side, where a meter saw a component of known load as good as
-- whole: what a wider meter saw beside all components together. What a meter of the
-- building saw has cooling in it, and compares with nothing. One row per run, attempt
-- and component.
with
    subjects as (select * from {{ ref("int_calibration__subjects") }}),
    measured as (select * from {{ ref("int_energy__components_measured") }}),

    final as (
        select
            subjects.*,

            measured.meter,
            measured.boundary,
            measured.covered_ratio,
            measured.measured_energy_kwh / measured.covered_ratio as measured_energy_kwh
        from subjects
        inner join
            measured
            on subjects.run_id = measured.run_id
            and subjects.attempt = measured.attempt
            and subjects.component = measured.component
        where
            subjects.is_load_known
            and measured.boundary <> 'facility'
            and measured.covered_ratio >= 0.95
            and measured.measured_energy_kwh > 0
    )

select *
from final
