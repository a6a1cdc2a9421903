-- What of the bill has no energy although it used some or nobody knows: the biggest
-- first to look at. Lines that use none (taxes, licences, requests) are not here. In
-- the billing currency. One row per billing period, provider, service, region, SKU
-- meter, charge description, unit, charge category, resource class, rule, missing
-- reason and currency.
{{ config(materialized="view") }}
with
    published as (select * from {{ ref("int_billing__gaps_published") }}),

    final as (
        select
            billing_period_date,
            provider,
            service_name,
            region,
            sku_meter,
            charge_description,
            consumed_unit,
            charge_category,
            resource_class,
            rule_id,
            missing_reason,
            effective_cost,
            cost_currency,
            line_rows
        from published
    )

select *
from final
