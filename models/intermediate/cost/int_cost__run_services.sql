-- What the bill charges for the runs' own resources, by service. One row per run,
-- billing period, provider, service, region and currency.
with
    parts as (select * from {{ ref("int_cost__claimed_parts") }}),

    final as (
        select
            run_id,
            billing_period_date,
            coalesce(provider_code, '') as provider_code,
            service_name,
            region,
            billing_currency,

            cast(sum(effective_cost_exact) as double) as effective_cost
        from parts
        group by all
    )

select *
from final
