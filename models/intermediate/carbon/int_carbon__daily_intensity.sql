-- Grid intensity of a whole day, for what is billed by the day: the mean of its hours,
-- on the rung of its least sure hour. One row per provider, region and date.
with
    intensity as (select * from {{ ref("int_carbon__intensity") }}),

    hours_ranked as (
        select
            *,
            cast(hour_start_utc as date) as usage_date,
            row_number() over (
                partition by provider_code, region, cast(hour_start_utc as date)
                order by rung desc, hour_start_utc
            ) as least_sure_rank
        from intensity
    ),

    final as (
        select
            provider_code,
            region,
            usage_date,

            max(
                case when least_sure_rank = 1 then factor_resolution end
            ) as factor_resolution,

            {{ exact_sum("intensity_g_per_kwh") }} / count(*) as intensity_g_per_kwh
        from hours_ranked
        group by provider_code, region, usage_date
    )

select *
from final
