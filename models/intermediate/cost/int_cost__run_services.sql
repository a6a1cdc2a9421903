-- What the bill charges for the runs' own resources, by service. One row per run,
-- billing period, provider, service, region and currency.
with
    charges as (select * from {{ ref("int_cost__claims") }}),
    providers as (select * from {{ ref("providers") }}),

    final as (
        select
            charges.run_id,
            charges.billing_period_date,
            coalesce(
                providers.provider_code, lower(charges.provider_name)
            ) as provider_code,
            coalesce(charges.service_name, '') as service_name,
            coalesce(charges.region, '') as region,
            charges.billing_currency,

            cast(sum(charges.effective_cost) as double) as effective_cost
        from charges
        left join
            providers on lower(charges.provider_name) = providers.provider_name_key
        group by all
    )

select *
from final
