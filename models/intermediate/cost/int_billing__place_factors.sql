-- PUE and intensities of the places that the bill speaks of, by day: of a region of
-- several the plain average over its regions, unknown as soon as one of them is. One
-- row per provider, region and date.
with
    place_days as (select * from {{ ref("int_billing__place_days") }}),
    places as (select * from {{ ref("int_carbon__places") }}),
    pue as (select * from {{ ref("int_carbon__pue") }}),
    intensity as (select * from {{ ref("int_carbon__daily_intensity") }}),
    market as (select * from {{ ref("int_carbon__market_yearly") }}),

    members as (
        select
            place_days.provider_code,
            place_days.region,
            place_days.usage_date,
            place_days.is_multi_region,
            places.region as known_region,
            pue.pue_ratio,
            intensity.intensity_g_per_kwh,
            intensity.factor_resolution,
            coalesce(
                market.intensity_g_per_kwh, intensity.intensity_g_per_kwh
            ) as market_g_per_kwh
        from place_days
        left join
            places
            on place_days.provider_code = places.provider_code
            and place_days.member_region = places.region
        left join
            pue
            on place_days.provider_code = pue.provider_code
            and place_days.member_region = pue.region
            and year(place_days.usage_date) = pue.year
        left join
            intensity
            on place_days.provider_code = intensity.provider_code
            and place_days.member_region = intensity.region
            and place_days.usage_date = intensity.usage_date
        left join
            market
            on place_days.provider_code = market.provider_code
            and place_days.member_region = market.region
            and year(place_days.usage_date) = market.year
    ),

    final as (
        select
            provider_code,
            region,
            usage_date,

            count(known_region) = count(*) as is_known_place,
            case
                when count(intensity_g_per_kwh) < count(*)
                then null
                when max(case when is_multi_region then 1 else 0 end) = 1
                then 'multi_region_average'
                else max(factor_resolution)
            end as factor_resolution,

            {% for column in ["pue_ratio", "intensity_g_per_kwh", "market_g_per_kwh"] %}
                case
                    when count({{ column }}) = count(*)
                    then {{ exact_sum(column) }} / count(*)
                end as {{ column }}
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from members
        group by provider_code, region, usage_date
    )

select *
from final
