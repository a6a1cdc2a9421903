-- The best hourly grid intensity: measured before estimated, then by the order of the
-- sources. One row per zone and hour.
with
    hours_landed as (select * from {{ ref("int_carbon__hours_landed") }}),

    hours_ranked as (
        select
            *,
            row_number() over (
                partition by grid_zone_id, hour_start_utc
                order by
                    case when is_estimated then 1 else 0 end,
                    source_rank,
                    source_name,
                    instance,
                    accounting
            ) as preference
        from hours_landed
        where intensity_g_per_kwh is not null
    ),

    final as (
        select
            grid_zone_id,
            hour_start_utc,

            case
                when is_estimated then 'hourly_estimated' else 'hourly_measured'
            end as factor_resolution,
            accounting as factor_accounting,
            basis as factor_basis,

            intensity_g_per_kwh,

            source_version as factor_version,
            concat(source_name, '.', instance) as factor_source_id,
            published_on as factor_published_on
        from hours_ranked
        where preference = 1
    )

select *
from final
