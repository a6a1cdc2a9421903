-- Billing rows of one kind added up per day: one pass over the bill, after which it
-- is small.
-- A row keeps what decides its energy (service, SKU, unit, region) and whether a
-- run's own
-- resource caused it. One row per day and combination of the keys.
with
    charges as (select * from {{ ref("stg_focus__charges") }}),
    providers as (select * from {{ ref("providers") }}),
    run_resources as (select * from {{ ref("int_cost__run_resources") }}),

    charges_added as (
        select
            cast(date_trunc('day', charges.charge_start_at_utc) as date) as usage_date,
            charges.billing_period_date,
            charges.provider_name,
            charges.billing_account_id,
            charges.sub_account_id,
            charges.service_name,
            charges.service_category,
            charges.region,
            charges.charge_category,
            charges.charge_description,
            charges.sku_meter,
            charges.sku_price_details_json,
            charges.consumed_unit,
            charges.billing_currency,
            run_resources.resource_id is not null as is_run_resource,

            count(*) as line_rows,
            {{ exact_sum("charges.consumed_quantity", 12) }} as consumed_quantity,
            sum(charges.effective_cost) as effective_cost_exact,
            sum(charges.billed_cost) as billed_cost_exact,
            sum(charges.list_cost) as list_cost_exact
        from charges
        left join
            run_resources
            on charges.resource_id = run_resources.resource_id
            and charges.charge_start_at_utc < run_resources.stopped_at_utc
            and charges.charge_end_at_utc > run_resources.started_at_utc
        group by all
    ),

    final as (
        select
            charges_added.usage_date,
            charges_added.billing_period_date,
            coalesce(
                providers.provider_code, lower(charges_added.provider_name)
            ) as provider_code,
            charges_added.provider_name,
            charges_added.billing_account_id,
            charges_added.sub_account_id,
            charges_added.service_name,
            charges_added.service_category,
            charges_added.region,
            charges_added.charge_category,
            charges_added.sku_price_details_json,
            lower(
                concat(
                    coalesce(charges_added.sku_meter, ''),
                    ' ',
                    coalesce(charges_added.charge_description, '')
                )
            ) as sku_text,
            lower(charges_added.consumed_unit) as unit_key,
            charges_added.billing_currency,
            charges_added.is_run_resource,

            charges_added.line_rows,
            charges_added.consumed_quantity,
            charges_added.effective_cost_exact,
            charges_added.billed_cost_exact,
            charges_added.list_cost_exact
        from charges_added
        left join
            providers
            on lower(charges_added.provider_name) = providers.provider_name_key
    )

select *
from final
