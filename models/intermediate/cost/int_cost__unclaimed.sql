-- What is left of the charges of each resource when runs and their idle machines have
-- what they claim, where machine learning may have used it. One row per billing period,
-- provider, accounts, service, region, resource, its name, tags and currency.
with
    resource_charges as (select * from {{ ref("int_billing__resource_charges") }}),
    claims as (select * from {{ ref("int_cost__claims") }}),
    classes as (select * from {{ ref("int_billing__sku_classes") }}),

    claims_added as (
        select
            {{ resource_charge_columns() }},

            sum(line_rows) as line_rows,
            sum(effective_cost_claimed) as effective_cost_exact,
            sum(billed_cost_claimed) as billed_cost_exact
        from claims
        group by all
    ),

    parts as (
        select
            {{ resource_charge_keys() }},
            sku_key,
            line_rows,
            effective_cost_exact,
            billed_cost_exact,
            last_end_at_utc
        from resource_charges
        union all
        select
            {{ resource_charge_keys() }},
            {{ sku_key("claims_added") }} as sku_key,
            - line_rows as line_rows,
            - effective_cost_exact as effective_cost_exact,
            - billed_cost_exact as billed_cost_exact,
            cast(null as timestamp) as last_end_at_utc
        from claims_added
    ),

    final as (
        select
            parts.billing_period_date,
            parts.provider_name,
            parts.billing_account_id,
            parts.sub_account_id,
            parts.service_name,
            parts.told_region,
            parts.resource_id,
            parts.resource_name,
            parts.tags_json,
            parts.billing_currency,

            cast(sum(parts.line_rows) as bigint) as line_rows,
            sum(parts.effective_cost_exact) as effective_cost_exact,
            sum(parts.billed_cost_exact) as billed_cost_exact,
            max(
                case
                    when classes.resource_class in ('compute', 'accelerator')
                    then 1
                    else 0
                end
            ) as is_machine,
            max(parts.last_end_at_utc) as last_end_at_utc
        from parts
        inner join classes on parts.sku_key = classes.sku_key
        where
            {{
                unclaimed_allocation(
                    "classes.allocation_hint",
                    "parts.is_unused_commitment",
                    "parts.charge_class",
                )
            }} = 'unallocated'
        group by all
        having
            sum(parts.line_rows) > 0
            or sum(parts.effective_cost_exact) <> 0
            or sum(parts.billed_cost_exact) <> 0
    )

select *
from final
