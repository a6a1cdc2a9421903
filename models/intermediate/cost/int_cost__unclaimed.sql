-- What is left of the charges of each resource when runs and their idle machines have
-- what they claim, where machine learning may have used it. One row per billing period,
-- provider, accounts, service, region, resource, its name, tags, machine type and
-- currency.
with
    resource_charges as (select * from {{ ref("int_billing__resource_charges") }}),
    claims as (select * from {{ ref("int_cost__claims") }}),
    classes as (select * from {{ ref("int_billing__sku_classes") }}),
    regions_named as (select * from {{ ref("int_carbon__regions_named") }}),

    claims_added as (
        select
            {{ resource_charge_keys() }},

            sum(line_rows) as line_rows,
            sum(effective_cost_claimed) as effective_cost_exact,
            sum(billed_cost_claimed) as billed_cost_exact
        from claims
        group by all
    ),

    parts as (
        select
            {{ resource_charge_keys() }},
            line_rows,
            effective_cost_exact,
            billed_cost_exact,
            last_end_at_utc
        from resource_charges
        union all
        select
            {{ resource_charge_keys() }},
            - line_rows as line_rows,
            - effective_cost_exact as effective_cost_exact,
            - billed_cost_exact as billed_cost_exact,
            cast(null as timestamp) as last_end_at_utc
        from claims_added
    ),

    parts_classed as (
        select
            parts.*,
            nullif(classes.provider_code, '') as provider_code,
            coalesce(regions_named.region, parts.told_region) as region,
            coalesce(
                classes.resource_class in ('compute', 'accelerator'), false
            ) as is_machine,
            case
                when
                    classes.energy_rule = 'instance_hours'
                    and classes.dimension = 'hours'
                    and parts.charge_category = 'Usage'
                then classes.instance_type
            end as hardware_key
        from parts
        inner join classes on parts.sku_key = classes.sku_key
        left join
            regions_named
            on coalesce(parts.provider_name, '') = regions_named.told_provider
            and coalesce(parts.told_region, '') = regions_named.told_region
            and regions_named.told_zone = ''
        where
            {{
                unclaimed_allocation(
                    "classes.allocation_hint",
                    "parts.is_unused_commitment",
                    "parts.charge_class",
                )
            }} = 'unallocated'
    ),

    final as (
        select
            {{ unclaimed_keys() }},
            hardware_key,

            sum(line_rows) as line_rows,
            sum(effective_cost_exact) as effective_cost_exact,
            sum(billed_cost_exact) as billed_cost_exact,
            max(case when is_machine then 1 else 0 end) as is_machine,
            max(last_end_at_utc) as last_end_at_utc
        from parts_classed
        group by all
    )

select *
from final
