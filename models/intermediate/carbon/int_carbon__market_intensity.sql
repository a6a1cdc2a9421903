-- Market-based intensity: contracts for what they cover; for the rest what the provider
-- claims, the residual mix, or, where nobody publishes one, the grid's average. One row
-- per provider, region and hour.
with
    location as (select * from {{ ref("int_carbon__intensity") }}),
    yearly as (select * from {{ ref("int_carbon__market_yearly") }}),
    shares as (select * from {{ ref("int_carbon__contract_shares") }}),

    contracts_summed as (
        select
            provider_code,
            region,
            hour_start_utc,
            least(1.0, {{ exact_sum("covered_ratio") }}) as covered_ratio,
            {{ exact_sum("covered_ratio * intensity_g_per_kwh") }} as covered_g_per_kwh,
            {{ joined_text("contract_name", "contract_name") }} as contract_names
        from shares
        group by provider_code, region, hour_start_utc
    ),

    hours_matched as (
        select
            location.provider_code,
            location.region,
            location.hour_start_utc,
            coalesce(contracts_summed.covered_ratio, 0.0) as contract_ratio,
            coalesce(contracts_summed.covered_g_per_kwh, 0.0) as covered_g_per_kwh,
            contracts_summed.contract_names,
            coalesce(yearly.market_method, 'location_average') as rest_method,
            coalesce(
                yearly.intensity_g_per_kwh, location.intensity_g_per_kwh
            ) as rest_g_per_kwh,
            coalesce(
                yearly.market_source_id, location.factor_source_id
            ) as rest_source_id,
            location.year_of_hour - yearly.market_year as market_age_years
        from (select *, year(hour_start_utc) as year_of_hour from location) as location
        left join
            yearly
            on location.provider_code = yearly.provider_code
            and location.region = yearly.region
            and location.year_of_hour = yearly.year
        left join
            contracts_summed
            on location.provider_code = contracts_summed.provider_code
            and location.region = contracts_summed.region
            and location.hour_start_utc = contracts_summed.hour_start_utc
    ),

    final as (
        select
            provider_code,
            region,
            hour_start_utc,

            case
                when contract_ratio >= 0.5 then 'contract' else rest_method
            end as market_method,

            covered_g_per_kwh
            + (1.0 - contract_ratio) * rest_g_per_kwh as market_intensity_g_per_kwh,
            contract_ratio,
            market_age_years,

            case
                when contract_ratio >= 0.5
                then concat('settings: contracts.', contract_names)
                else rest_source_id
            end as market_source_id
        from hours_matched
    )

select *
from final
