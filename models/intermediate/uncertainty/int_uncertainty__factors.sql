-- How sure each rung, meter and factor resolution is, as known at the as-of time; a
-- calibration by its own errors on jobs it has not seen. One row per kind and factor
-- key.
with
    uncertainty as (select * from {{ ref("stg_factors__uncertainty") }}),
    calibrations as (
        select * from {{ ref("int_calibration__calibrations") }} where is_applied
    ),

    factors_ranked as (
        select
            *,
            row_number() over (
                partition by kind, factor_key
                order by published_on desc, recorded_at_utc desc
            ) as preference
        from uncertainty
        where {{ known_by_as_of("published_on", "recorded_on") }}
    ),

    final as (
        select kind, factor_key, log_sd, source, note
        from factors_ranked
        where preference = 1
        union all
        select
            'energy' as kind,
            concat('calibrated:', calibration_id) as factor_key,
            log_sd,
            'errors of the calibration on jobs it has not seen' as source,
            concat(key_level, ', ', key, ', ', jobs, ' jobs') as note
        from calibrations
    )

select *
from final
