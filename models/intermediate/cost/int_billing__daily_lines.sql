-- Billing rows of one kind added up per day: one pass over the bill, after which it is
-- small. A row keeps what decides its energy (service, SKU, unit, region) and whether a
-- run's own resource caused it. One row per day and combination of the keys.
with
    charges as (select * from {{ ref("int_billing__charges_attributed") }}),
    providers as (select * from {{ ref("providers") }}),
    regions_named as (select * from {{ ref("int_carbon__regions_named") }}),
    sku_machines as (select * from {{ ref("int_billing__sku_machines") }}),

    charges_keyed as (
        select
            *,
            cast(date_trunc('day', charge_start_at_utc) as date) as usage_date,
            run_id is not null as is_run_resource,
            coalesce(
                commitment_discount_status = 'Unused', false
            ) as is_unused_commitment
        from charges
    ),

    charges_added as (
        select
            usage_date,
            billing_period_date,
            provider_name,
            billing_account_id,
            sub_account_id,
            service_name,
            service_category,
            region as told_region,
            charge_category,
            charge_description,
            sku_meter,
            sku_price_details_json,
            consumed_unit,
            billing_currency,
            is_run_resource,
            is_unused_commitment,

            count(*) as line_rows,
            {{ exact_sum("consumed_quantity", 12) }} as consumed_quantity,
            sum(effective_cost) as effective_cost_exact,
            sum(billed_cost) as billed_cost_exact,
            sum(list_cost) as list_cost_exact
        from charges_keyed
        group by all
    ),

    final as (
        select
            charges_added.*,
            coalesce(regions_named.region, charges_added.told_region) as region,
            regions_named.missing_reason as region_missing_reason,
            coalesce(
                providers.provider_code, lower(charges_added.provider_name)
            ) as provider_code,
            lower(
                concat(
                    coalesce(charges_added.sku_meter, ''),
                    ' ',
                    coalesce(charges_added.charge_description, '')
                )
            ) as sku_text,
            lower(charges_added.consumed_unit) as unit_key,
            sku_machines.type_name
        from charges_added
        left join
            providers
            on lower(charges_added.provider_name) = providers.provider_name_key
        left join
            sku_machines
            on charges_added.provider_name = sku_machines.provider_name
            and coalesce(charges_added.sku_meter, '') = sku_machines.sku_meter
            and coalesce(charges_added.charge_description, '')
            = sku_machines.charge_description
            and coalesce(charges_added.sku_price_details_json, '')
            = sku_machines.sku_price_details_json
        left join
            regions_named
            on coalesce(charges_added.provider_name, '') = regions_named.told_provider
            and coalesce(charges_added.told_region, '') = regions_named.told_region
            and regions_named.told_zone = ''
    )

select *
from final
